"""Is the database of this version? Behind it: what is missing. Of another one: left as it is, and what can be done."""

from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from bifang.core.database.expanding import contracts, release_number
from bifang.core.errors import ConfigError
from bifang.core.extensions import VERSION
from bifang.core.monitoring.checks import sqlite_file

OURS: Final = frozenset({"core", "channels", "dingtalk_integration", "feishu_integration", "secops_agent"})
FIRST: Final = ("core", "0001_first_release")


def pending_migrations(alias: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Migrations not applied yet, as ``app.name``. OperationalError if unreachable, ConfigError if of another version."""
    executor = MigrationExecutor(connections[alias])
    _refuse(executor.loader, alias)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def refuse_other_version(using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``. ConfigError if migrations were applied here that this version cannot live with."""
    _refuse(MigrationLoader(connections[using]), using)
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            # Who waits for a table makes all who come later wait behind it: give up, and try again at leisure.
            cursor.execute("SELECT set_config('lock_timeout', '15s', false)")


def _refuse(loader: MigrationLoader, using: str) -> None:
    applied = {key for key in loader.applied_migrations if key[0] in OURS}
    strange = applied - loader.disk_migrations.keys()
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
