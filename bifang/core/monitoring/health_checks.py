"""Core's own health checks: database, migrations, keys."""

from typing import Final

from django.db import connection

from bifang.core.database.identity import check_key, name_of, require_own_database
from bifang.core.database.schema import pending_migrations
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.checks import file_problems
from bifang.core.monitoring.health import HealthCheck
from bifang.core.secrets.keys import keyring


def check_keys() -> str:
    """The key that seals secrets is there and well-formed."""
    keyring()
    return "可以读取"


def check_database() -> str:
    """It answers. Raises ConfigError for files in the way."""
    for problem in file_problems():
        raise ConfigError(problem)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    require_own_database()
    return f"{name_of()} 可以访问"


def check_migrations() -> str:
    """Every migration of this version is applied, and none of another."""
    pending = pending_migrations()
    if pending:
        named = "、".join(pending[:3]) + ("…" if len(pending) > 3 else "")
        raise ConfigError(f"有 {len(pending)} 个迁移还没有执行（{named}）：请执行 python manage.py migrate。")
    return "是当前版本"


def check_secrets() -> str:
    """What was sealed can still be opened; one configuration stands for all. Raises SecretError."""
    check_key()
    row = SystemConfig.objects.current().exclude(secrets=None).order_by("-enabled", "id").first()
    if row is None:
        return "还没有保存过密钥"
    row.open_secrets()
    return "可以解开"


CORE_CHECKS: Final = (
    HealthCheck(
        "keys", "密钥", check_keys, "加密密钥读不到：请在服务器上执行 python manage.py healthcheck 查看原因。"
    ),
    HealthCheck(
        "database", "数据库", check_database, "数据库无法访问：请在服务器上执行 python manage.py healthcheck 查看原因。",
    ),
    HealthCheck(
        "migrations", "数据库结构", check_migrations, needs=("database",),
        remedy="数据库结构不是当前版本：请执行 python manage.py migrate。",
    ),
    HealthCheck(
        "secrets", "已保存的密钥", check_secrets, needs=("keys", "migrations"),
        remedy="已保存的密钥解不开：请换回原来的 encryption.key（或 BIFANG_ENCRYPTION_KEY），或在「系统配置」中重新填写。",
    ),
)  # fmt: skip
