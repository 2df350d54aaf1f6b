"""Identity of the database: which one this data directory belongs to, and whose key sealed what is in it.

A process that was not given DATABASE_URL opens another database, and one that was not given the key makes a new one: both
look like a fresh installation. `migrate` writes the identity into the database and into the data directory; who finds
two that differ stops and names both.
"""

from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

from bifang import env
from bifang.core.errors import ConfigError, SecretError
from bifang.core.models import Installation, SystemConfig
from bifang.core.secrets.sealed import Sealed, place_of

FILE: Final = "database.id"
_KEY: Final = "key"  # what is sealed as the proof


def name_of(alias: str = DEFAULT_DB_ALIAS) -> str:
    """The database as an operator names it, without its password."""
    given = connections[alias].settings_dict
    if connections[alias].vendor == "sqlite":
        return f"SQLite {given['NAME']}"
    return f"PostgreSQL {given['NAME']}（{given['USER']}@{given['HOST'] or '本机'}:{given['PORT'] or 5432}）"


def require_own_database(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Raises ConfigError if the data directory belongs to another database than the one at hand."""
    file = _file()
    if not file.exists():
        return
    known, _, name = env.generated_file(file, str).partition("\n")
    found = _identity(alias)
    # A new database in the place of the old one, such as a SQLite file that was moved aside, is no mistake.
    if found == known or (found is None and name == name_of(alias)):
        return
    here = f"编号 {found}" if found else "没有编号：是空的，或者还没有 migrate"
    raise ConfigError(
        f"数据目录 {settings.DATA_DIR} 属于另一个数据库：{name}（编号 {known}）；现在打开的是 {name_of(alias)}（{here}）。"
        "多半是这个进程没有得到 DATABASE_URL：请写进 /etc/bifang/env，各个进程和 manage.py 都读它。"
        f"确实要换数据库的，先 mv {file} {file}.old，再执行 python manage.py migrate。"
    )


def refuse_other_database(using: str, **_: Any) -> None:
    """Receiver of ``pre_migrate``."""
    require_own_database(using)


def write_identity(using: str, **_: Any) -> None:
    """Receiver of ``post_migrate``: the database and the data directory know each other."""
    if Installation._meta.db_table not in connections[using].introspection.table_names():
        return
    found = _identity(using) or str(Installation.objects.using(using).create().pk)
    file = _file()
    if not file.exists() or not file.read_text(encoding="utf-8").startswith(found):
        file.unlink(missing_ok=True)
        env.generated_file(file, lambda: f"{found}\n{name_of(using)}")


def require_own_key() -> None:
    """As `check_key`; the first start leaves a proof for the next. Raises SecretError."""
    check_key()
    row = Installation.objects.first() or Installation.objects.create()
    if row.proof is None:
        proof = Sealed.of(_KEY, place_of(Installation, "proof", row))
        Installation.objects.filter(pk=row.pk, proof=None).update(proof=proof)


def check_key() -> None:
    """Raises SecretError if what is sealed in the database was sealed with another key. Only reads."""
    row = Installation.objects.first()
    try:
        if row is not None and row.proof is not None:
            row.proof.open(place_of(Installation, "proof", row))
        else:
            _open_any_configuration()
    except SecretError:
        where = "BIFANG_ENCRYPTION_KEY" if settings.ENCRYPTION_KEYS else f"{settings.ENCRYPTION_KEY_FILE}"
        raise SecretError(
            f"{name_of()} 里的密文不是用现在的加密密钥（{where}）加密的：多半是恢复备份、搬家或增加机器时没有带上原来的密钥，"
            "新生成了一个。请放回原来的 encryption.key，或在 /etc/bifang/env 里设置原来的 BIFANG_ENCRYPTION_KEY。"
            "确实找不回来的：python manage.py rotate_encryption_key --lost，再到「系统配置」里重新填写密钥。"
        ) from None


def _open_any_configuration() -> None:
    """Raises SecretError where there are sealed secrets, and none of them opens."""
    failed: SecretError | None = None
    for row in SystemConfig.objects.exclude(secrets=None).order_by("-enabled", "-pk"):
        try:
            row.open_secrets()
        except SecretError as error:
            failed = error
        else:
            return
    if failed is not None:
        raise failed


def _file() -> Path:
    return Path(settings.DATA_DIR) / FILE


def _identity(alias: str) -> str | None:
    try:
        if Installation._meta.db_table not in connections[alias].introspection.table_names():
            return None
        found = Installation.objects.using(alias).values_list("pk", flat=True).first()
    except Error:
        connections[alias].close()
        raise
    return str(found) if found else None
