"""``manage.py restore_drill BACKUP``: restore a backup to a fresh place, and prove that it is whole and can be read."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from bifang.core.backups.restoring import environment_of, restore_files, restored_database
from bifang.core.backups.written import Manifest, count_rows, read_manifest, require_whole
from bifang.core.command import OperatorCommand
from bifang.core.database.schema import pending_migrations
from bifang.core.errors import BifangError, ConfigError, SecretError
from bifang.core.secrets.sealed import SealedField, place_of
from secops_agent.services.audit import verification
from secops_agent.services.audit.verification import ChainVerdict

NEXT = (
    "恢复的内容在 {place}：停止各个进程，把 BIFANG_DATA_DIR 指向它{database}，文件的主人改成运行服务的用户，"
    "执行 python manage.py migrate，再启动。"
)


class Command(OperatorCommand):
    """Nothing that is in use is touched; with ``--into`` what was restored stays, which is how one restores in earnest."""

    help = "恢复演练：把一份备份恢复到新的地方，核对条数、解密和审计链；正在使用的数据不受影响"

    def add_arguments(self, parser: CommandParser) -> None:
        """The backup, and where to."""
        parser.add_argument("backup", metavar="备份", type=Path, nargs="?", help="backup 命令写出的那个目录")
        parser.add_argument(
            "--into", metavar="目录", type=Path, help="恢复到这个新的数据目录并留着；默认用临时的，做完删除"
        )
        parser.add_argument(
            "--database", metavar="URL", default="", help="PostgreSQL：恢复到这个空的数据库；默认临时建一个"
        )
        parser.add_argument(
            "--inspect", metavar="时间", help="内部使用：核对这个进程所打开的，它是那时备份的"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0 only if all was proved."""
        if options["inspect"]:
            self.stdout.write(json.dumps(inspect(datetime.fromisoformat(options["inspect"]))))
            return
        if options["backup"] is None:
            raise CommandError("请写明是哪一份备份。")
        began = time.monotonic()
        backup: Path = options["backup"]
        manifest = read_manifest(backup)
        if manifest.vendor == "postgresql" and options["into"] and not options["database"]:
            raise ConfigError("要留着恢复的内容，请同时用 --database 写明一个空的 PostgreSQL 数据库。")
        require_whole(backup, manifest)
        self._say("校验和", f"{len(manifest.files)} 个文件与备份时一致")
        with _place(options["into"]) as place:
            restore_files(backup, manifest, place)
            with restored_database(backup, manifest, options["database"]) as url:
                self._prove(manifest, _ask_child(place, url, manifest.made_at))
        self.stdout.write(
            f"演练通过，用了 {time.monotonic() - began:.0f} 秒：{manifest.made_at} 的备份可以恢复。"
        )
        if options["into"]:
            database = "、DATABASE_URL 指向那个数据库" if options["database"] else ""
            self.stdout.write(NEXT.format(place=options["into"], database=database))

    def _prove(self, manifest: Manifest, found: Mapping[str, Any]) -> None:
        if wrong := sorted(
            name
            for name in found["rows"] | manifest.rows
            if found["rows"].get(name) != manifest.rows.get(name)
        ):
            raise CommandError(f"条数与备份时不一致：{'、'.join(wrong)}。这份备份不能用。")
        self._say("条数", manifest.summary.partition("，")[0] + "，与备份时一致")
        if found["migrated"]:
            self._say("结构", f"备份来自旧版本，在恢复出来的那份上执行了 {found['migrated']} 个迁移")
        if found["unopened"]:
            raise CommandError(
                f"{found['unopened']} 个密文打不开（{found['opened']} 个打得开）：备份以后更换过密钥的，请放回当时的 "
                "encryption.key。"
            )
        self._say(
            "解密",
            f"{found['opened']} 个密文都打得开" + ("" if manifest.keys else "（用现在的密钥：备份里没有）"),
        )
        if found["verdict"] != ChainVerdict.WHOLE:
            raise CommandError(f"审计记录{found['verdict']}：{'；'.join(found['faults'][:3])}")
        self._say("审计链", f"完整，{found['records']:,} 条已封存")

    def _say(self, what: str, text: str) -> None:
        self.stdout.write(f"{self.style.SUCCESS('通过')}  {what}：{text}")


@contextmanager
def _place(given: Path | None) -> Iterator[Path]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="bifang-drill-") as made:
        yield Path(made)


def _ask_child(place: Path, url: str, made_at: str) -> Mapping[str, Any]:
    """`inspect` in a process of its own, which knows nothing but what was restored."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "restore_drill", "--inspect", made_at]
    done = subprocess.run(command, env=environment_of(place, url), capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip().splitlines() or ["没有回答"]
        raise BifangError(f"恢复出来的打不开：{said[-1]}", permanent=True)
    return dict(json.loads(lines[-1]))


def inspect(made_at: datetime) -> dict[str, Any]:
    """The database at hand: counted, brought to this version, every seal opened, the audit chain computed again as of then."""
    with connection.cursor() as cursor:
        rows = count_rows(cursor, connection.vendor)
    if pending := pending_migrations():
        call_command("migrate", verbosity=0, interactive=False)
    opened, unopened = _open_all()
    report = verification.verify(keep_days=settings.AUDIT_RETENTION_DAYS, now=made_at)
    verdict = verification.verdict(len(report.faults), verification.touched(report.faults))
    return {
        "rows": rows, "migrated": len(pending), "opened": opened, "unopened": unopened,
        "verdict": verdict, "records": report.records, "faults": [fault.text for fault in report.faults],
    }  # fmt: skip


def _open_all() -> tuple[int, int]:
    opened = unopened = 0
    for model in apps.get_models():
        for field in (each for each in model._meta.get_fields() if isinstance(each, SealedField)):
            rows = model._default_manager.exclude(**{field.name: None})
            for row in rows.values(field.name, *field.bound_to).iterator(chunk_size=500):
                try:
                    row[field.name].open(place_of(model, field.name, row))
                    opened += 1
                except SecretError:
                    unopened += 1
    return opened, unopened
