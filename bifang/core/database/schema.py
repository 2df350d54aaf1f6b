"""Is the database of this version? Behind it: what is missing. Of another one: left as it is, and what can be done."""

import re
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder

from bifang.core.database.founding import MARK
from bifang.core.errors import ConfigError
from bifang.core.extensions import VERSION
from bifang.core.monitoring.checks import sqlite_file

OURS: Final = frozenset({"core", "channels", "dingtalk_integration", "feishu_integration", "secops_agent"})
FIRST: Final = ("core", "0001_first_release")
_CONTRACT: Final = re.compile(r"\d{4}_contract_(\d+(?:_\d+)*)$")


def release_number(version: str) -> tuple[int, ...]:
    """``0.1.0`` or ``0_1_0``, comparable."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def contracts(name: str) -> tuple[int, ...] | None:
    """The last release that cannot live with this migration; None: every release can."""
    found = _CONTRACT.fullmatch(name)
    return release_number(found[1]) if found else None


def pending_migrations(alias: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Migrations not applied yet, as ``app.name``. OperationalError if unreachable, ConfigError if of another version."""
    applied = _applied(alias)
    _refuse(applied, alias)
    missing = _on_disk() - applied
    # What a short form replaces is on disk, too; it is noted as applied by the next `migrate`.
    return [".".join(key) for key in sorted(missing) if MARK not in key[1]]


def refuse_other_version(using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``. ConfigError if migrations were applied here that this version cannot live with."""
    _refuse(_applied(using), using)
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            # Who waits for a table makes all who come later wait behind it: give up, and try again at leisure.
            cursor.execute("SELECT set_config('lock_timeout', '15s', false)")


def _on_disk() -> set[tuple[str, str]]:
    """(application, migration) by the names of the files: to load them all is a tenth of a start."""
    return {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in iter_modules([str(Path(app.path) / "migrations")])
        if not module.name.startswith(("_", "~"))
    }


def _applied(using: str) -> set[tuple[str, str]]:
    return set(MigrationRecorder(connections[using]).applied_migrations())


def _refuse(everything: set[tuple[str, str]], using: str) -> None:
    applied = {key for key in everything if key[0] in OURS}
    strange = applied - _on_disk()
    if FIRST in applied:
        strange = {key for key in strange if _cannot_live_with(key[1])}
    if not strange:
        return
    if FIRST in applied:
        raise ConfigError(
            f"这个数据库已经由更新的版本升级过（{'.'.join(max(strange))}），这个版本不能使用；它没有被改动。"
            f"请换回更新的版本；一定要退回的，恢复升级以前的备份（docs/operations.md「退回旧版本」）。"
        )
    raise ConfigError(
        f"这个数据库是毕方第一个正式版之前建立的，结构不同，不能升级；它没有被改动。{_remedy(using)}"
    )


def _cannot_live_with(name: str) -> bool:
    """A migration of a later release that takes away what this one uses."""
    last = contracts(name)
    return last is not None and release_number(VERSION) <= last


def _remedy(using: str) -> str:
    again = "，再执行一次。原来的告警、资产可以重新导入，配置请重新填写。"
    file = sqlite_file()
    if file is not None:
        return f"请把它移到一边：mv {file} {file}.before{again}"
    return f"请在 DATABASE_URL 里换一个空的数据库（现在是 {connections[using].settings_dict['NAME']}）{again}"
