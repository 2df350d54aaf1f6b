"""Backup and restore drill: what was written comes back, is proved, and whatever is wrong with it is said."""

import json
import sqlite3
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from bifang.core.backups import written
from bifang.core.database import identity
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from secops_agent.models import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, head, trail
from tests.admin_pages import dingtalk
from tests.databases import Database
from tests.postgres_programs import client_programs, own_cluster

pytestmark = pytest.mark.django_db
LI = Actor("person", "corp:li", "李四", "dingtalk")


@pytest.fixture
def estate(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A configuration with a secret, an audit chain, a file that waits for its import."""
    if database.url:
        monkeypatch.setenv("PATH", client_programs(database.url))
    identity.write_identity("default")
    dingtalk()
    trail.append([trail.entry(AuditKind.MESSAGE, "提问", LI, text=f"第 {number} 条") for number in range(5)])
    chain.seal(timezone.now())
    kept = head.current()
    assert kept
    head.keep(kept)
    waiting = database.data_dir / "ingest" / "waiting.json"
    waiting.parent.mkdir()
    waiting.write_text('{"rows": []}', encoding="utf-8")
    for left_out in ("static/app.css", "workers/a.lock"):
        path = database.data_dir / left_out
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
    return database


def backup(tmp_path: Path, *options: str) -> Path:
    call_command("backup", str(tmp_path / "backups"), *options, stdout=StringIO())
    return max((tmp_path / "backups").iterdir())


def drill(place: Path, *options: str) -> str:
    said = StringIO()
    call_command("restore_drill", str(place), *options, stdout=said)
    return said.getvalue()


@pytest.mark.both_databases
def test_backup_comes_back_whole_and_is_closed_to_others(estate: Database, tmp_path: Path) -> None:
    made = backup(tmp_path)
    manifest = written.read_manifest(made)
    assert manifest.vendor == estate.vendor
    assert {"data/encryption.key", "data/secret.key", "data/ingest/waiting.json", "data/database.id"} <= set(
        manifest.files
    )
    assert not [name for name in manifest.files if "static" in name or "workers" in name]
    for path in (made, *made.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    # What happens afterwards is not in it, and does not disturb the proof.
    SystemConfig.objects.all().delete()
    said = drill(made)
    for words in ("校验和", f"{len(manifest.rows)} 张表", "个密文都打得开", "审计链：完整", "演练通过"):
        assert words in said
    if estate.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'bifang_drill_%'")
            assert cursor.fetchone() == (0,)


@pytest.mark.slow
def test_what_was_restored_in_earnest_is_a_working_data_directory(estate: Database, tmp_path: Path) -> None:
    made = backup(tmp_path)
    place = tmp_path / "restored"
    assert str(place) in drill(made, "--into", str(place))
    with sqlite3.connect(place / "bifang.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM core_systemconfig").fetchone() == (1,)
    assert (place / "ingest" / "waiting.json").exists()
    with pytest.raises(ConfigError, match="不是空的"):
        drill(made, "--into", str(place))


def test_damage_is_named(estate: Database, tmp_path: Path) -> None:
    made = backup(tmp_path)
    with (made / "database.sqlite3").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff" * 100)
    (made / "data" / "ingest" / "waiting.json").unlink()
    with pytest.raises(ConfigError, match=r"data/ingest/waiting\.json、database\.sqlite3"):
        drill(made)
    (made / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="不是一份完整的备份"):
        drill(made)


@pytest.mark.slow
def test_backup_without_keys_needs_the_key_of_its_time(estate: Database, tmp_path: Path) -> None:
    made = backup(tmp_path, "--without-keys")
    assert not [name for name in written.read_manifest(made).files if "key" in name or name == "env"]
    assert "用现在的密钥" in drill(made)
    call_command("rotate_encryption_key", stdout=StringIO())
    with pytest.raises(CommandError, match="更换过密钥"):
        drill(made)


@pytest.mark.slow
def test_lost_rows_and_a_broken_chain_are_found(estate: Database, tmp_path: Path) -> None:
    """A forger who writes the checksums anew."""
    made = backup(tmp_path)
    manifest = json.loads((made / "manifest.json").read_text("utf-8"))

    def forge(statement: str, **changes: Any) -> None:
        with sqlite3.connect(made / "database.sqlite3") as database:
            database.execute(statement)
        told = {**manifest, **changes, "files": written.sums(made)}
        (made / "manifest.json").write_text(json.dumps(told), encoding="utf-8")

    forge("UPDATE secops_agent_auditrecord SET text = '别的' WHERE position = 2")
    with pytest.raises(CommandError, match="审计记录被动过"):
        drill(made)
    forge("DELETE FROM core_systemconfig")
    with pytest.raises(CommandError, match="core_systemconfig"):
        drill(made)


def test_places_that_others_read_and_the_data_directory_are_refused(estate: Database, tmp_path: Path) -> None:
    target = tmp_path / "backups"
    target.mkdir(mode=0o755)
    target.chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        backup(tmp_path)
    with pytest.raises(ConfigError, match="数据目录"):
        call_command("backup", str(Path(settings.DATA_DIR) / "backups"))
    assert not list(target.iterdir())


def test_only_so_many_are_kept(estate: Database, tmp_path: Path) -> None:
    old = [tmp_path / "backups" / f"bifang-2026010{day}-000000" for day in (1, 2, 3)]
    for place in old:
        place.mkdir(parents=True)
        (place / "manifest.json").touch()
    (tmp_path / "backups").chmod(0o700)
    new = backup(tmp_path, "--keep", "2")
    assert sorted((tmp_path / "backups").iterdir()) == [old[-1], new]


@pytest.mark.only_postgresql
def test_missing_program_is_named_and_nothing_half_done_stays(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="没有 pg_dump：请安装 PostgreSQL 客户端"):
        backup(tmp_path)
    assert not list((tmp_path / "backups").iterdir())


@pytest.mark.slow
def test_archived_wal_brings_a_database_back_to_a_moment() -> None:
    """As docs/operations.md describes it: a base backup, archived segments, and the moment before the mistake."""
    with own_cluster() as cluster:
        archive = cluster.home / "archive"
        archive.mkdir(mode=0o777)
        archive.chmod(0o777)
        cluster.stop("fast")
        keep = f"test ! -f {archive}/%f && cp %p {archive}/%f"
        cluster.options = ("-c", "archive_mode=on", "-c", f"archive_command={keep}")
        cluster.start()
        with psycopg.connect(cluster.url, autocommit=True) as database:
            database.execute("CREATE TABLE alert (id int)")
            cluster.run(
                "pg_basebackup", "-D", cluster.home / "base", "-d", cluster.url, "-c", "fast", "--no-sync"
            )
            database.execute("INSERT INTO alert SELECT generate_series(1, 1000)")
            (moment,) = database.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
            database.execute("DELETE FROM alert")
            database.execute("SELECT pg_switch_wal()")
        cluster.stop("fast")
        (cluster.home / "base" / "recovery.signal").touch()
        cluster.data = cluster.home / "base"
        restore = f"cp {archive}/%f %p"
        cluster.options = (
            "-c", f"restore_command={restore}", "-c", f"recovery_target_time={moment}",
            "-c", "recovery_target_action=promote",
        )  # fmt: skip
        cluster.start()
        with psycopg.connect(cluster.url) as database:
            assert database.execute("SELECT count(*) FROM alert").fetchone() == (1000,)
