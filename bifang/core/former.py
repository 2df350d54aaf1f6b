"""A database of before the first release: recognised, left as it is, and told how it is moved aside."""

from typing import Any, Final

from django.db import connections
from django.db.migrations.loader import MigrationLoader

from bifang.core.checks import sqlite_file
from bifang.core.errors import ConfigError

OURS: Final = frozenset({"core", "channels", "dingtalk_integration", "feishu_integration", "secops_agent"})


def refuse_former_database(using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``. ConfigError if migrations were applied here that this version does not know."""
    loader = MigrationLoader(connections[using])
    strange = {key for key in loader.applied_migrations if key[0] in OURS} - loader.disk_migrations.keys()
    if strange:
        raise ConfigError(
            f"这个数据库是毕方第一个正式版之前建立的，结构不同，不能升级；它没有被改动。{_remedy(using)}"
        )


def _remedy(using: str) -> str:
    again = "，再执行一次。原来的告警、资产可以重新导入，配置请重新填写。"
    file = sqlite_file()
    if file is not None:
        return f"请把它移到一边：mv {file} {file}.before{again}"
    return f"请在 DATABASE_URL 里换一个空的数据库（现在是 {connections[using].settings_dict['NAME']}）{again}"
