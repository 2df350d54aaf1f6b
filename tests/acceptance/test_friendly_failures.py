"""What a person can mend is one line with the remedy, whatever command meets it."""

import ctypes
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.processes import MANAGE, clean_environment, free_ports, run, uncounted

pytestmark = pytest.mark.slow

NOBODY = 65534
COMMANDS = (("migrate", "--check"), ("apply_configs", "missing.yaml"), ("start_dingtalk_stream",))


def obey_permissions() -> None:
    """In the child: root gives up ignoring file permissions, so that the test holds for root too."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def take_away(path: Path) -> None:
    """As a root-run command leaves it: not ours."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700 if path.is_dir() else 0o600)
    else:
        path.chmod(0)


def manage(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    guard = obey_permissions if os.geteuid() == 0 else None
    return run((*MANAGE, *arguments), uncounted(clean_environment(tmp_path, **env)), preexec_fn=guard)


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert (done.returncode, done.stdout.count("\n")) == (2, 1), done.stdout
    for part in parts:
        assert part in done.stdout, done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation that worked: keys and a database made by another run."""
    data_dir = tmp_path / "var"
    done = manage(tmp_path, "version")
    assert done.returncode == 0, done.stdout
    sqlite3.connect(data_dir / "bifang.sqlite3").executescript(
        "CREATE TABLE t (x); DROP TABLE t;"
    ).connection.close()
    return data_dir


@pytest.mark.parametrize("name", ["secret.key", "encryption.key", "bifang.sqlite3", "."])
def test_file_of_another_user_names_chown(installed: Path, tmp_path: Path, name: str) -> None:
    path = installed / name
    take_away(path)
    try:
        for command in COMMANDS:
            assert_one_line(manage(tmp_path, *command), "Permission denied", "sudo chown -R ", str(installed))
    finally:
        if os.geteuid() != 0:
            path.chmod(0o700)


def test_web_process_says_the_line_and_ends(installed: Path, tmp_path: Path) -> None:
    take_away(installed / "encryption.key")
    code = "import bifang.wsgi"
    guard = obey_permissions if os.geteuid() == 0 else None
    done = run((sys.executable, "-c", code), clean_environment(tmp_path), preexec_fn=guard)
    assert done.returncode == 4  # gunicorn's "cannot load": it does not start worker after worker
    assert "sudo chown -R " in done.stdout
    assert "Traceback" not in done.stdout


def test_read_only_database_names_chown(installed: Path, tmp_path: Path) -> None:
    database = installed / "bifang.sqlite3"
    take_away(database)
    database.chmod(0o444)
    assert_one_line(manage(tmp_path, "migrate"), str(database), "sudo chown -R ")


def test_file_that_is_no_database_says_so(installed: Path, tmp_path: Path) -> None:
    (installed / "bifang.sqlite3").write_text("这不是数据库" * 10)
    assert_one_line(manage(tmp_path, "migrate"), "不是 SQLite 数据库")


def test_broken_encryption_key_is_named(installed: Path, tmp_path: Path) -> None:
    (installed / "encryption.key").write_text("nonsense\n")
    assert_one_line(manage(tmp_path, "migrate"), "密钥")


def test_missing_migrations_name_the_command(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "configs.yaml"
    file.write_text("configs: [{kind: dingtalk, name: x, client_id: a, client_secret: b}]", encoding="utf-8")
    assert_one_line(manage(tmp_path, "apply_configs", str(file)), "python manage.py migrate")


def test_unreachable_postgresql_names_database_url(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = manage(tmp_path, "migrate", DATABASE_URL=f"postgresql://bifang:geheim@127.0.0.1:{port}/bifang")
    assert_one_line(done, "连不上数据库", "DATABASE_URL")
    assert "geheim" not in done.stdout


def test_unknown_switch_value_names_the_variable(tmp_path: Path) -> None:
    assert_one_line(manage(tmp_path, "migrate", BIFANG_HTTPS="maybe"), "BIFANG_HTTPS")
    assert_one_line(manage(tmp_path, "migrate", BIFANG_PUBLIC_URL="bifang.example.com"), "BIFANG_PUBLIC_URL")


def test_unwritable_log_keeps_working_on_the_console(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "logs" / "bifang.log").unlink()
    (tmp_path / "logs" / "bifang.log").mkdir()
    done = manage(tmp_path, "check")
    assert done.returncode == 0
    assert "日志只写到控制台" in done.stdout
    assert "BIFANG_LOG_DIR" in done.stdout


def test_check_shows_unusable_database(installed: Path, tmp_path: Path) -> None:
    take_away(installed / "bifang.sqlite3")
    done = manage(tmp_path, "check")
    assert "bifang.E001" in done.stdout
    assert "Traceback" not in done.stdout


def test_missing_dependency_names_make_run(tmp_path: Path) -> None:
    done = run((sys.executable, "-S", *MANAGE[1:], "check"), clean_environment(tmp_path))
    assert done.returncode == 1
    assert "缺少依赖 django" in done.stdout
    assert "make run" in done.stdout


def test_defect_of_ours_keeps_its_traceback(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bifang.core.monitoring.failures import explain

    raisers: tuple[Callable[[], object], ...] = (lambda: 1 / 0, lambda: {}["x"], lambda: [].index(1))
    for raiser in raisers:
        with pytest.raises(Exception) as caught:
            raiser()
        assert explain(caught.value) == ""
