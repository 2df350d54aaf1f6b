"""Tables of fields from people: read, tried by their own examples, then kept; and the samples that they are written from."""

import re
from typing import Any, Final

from django.core import signing

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.importers.checking import check_table
from secops_agent.importers.language.examples import faults_of
from secops_agent.importers.language.table_files import TableFile, read_table
from secops_agent.models import FormatTable
from secops_agent.services import format_tables
from secops_agent.services.actors import Actor
from secops_agent.services.intake import jobs

_SALT: Final = "bifang.sample"
_KEPT_S: Final = 24 * 3600  # then `jobs.sweep` erases the file
_KEY: Final = re.compile(r"[0-9a-f]{32}|chat-\d{1,20}")
_GONE: Final = "样例已经不在了（超过一天，或已经删除）：请重新选择文件。"
_TRIED: Final = 3  # records of a sample that are shown as they would be


def checked(text: str, name: str = "") -> TableFile:
    """The table, which its examples bear out. Raises InvalidInput that says what is wrong, and where."""
    table = read_table(text, name)
    if table.importer.name in registry.NAMES:
        raise InvalidInput(f"「{table.importer.name}」是内置格式或扩展包的名称：请给字段表写另一个 id。")
    if faults := faults_of(table):
        raise InvalidInput("字段表和它的样例不符。" + "".join(faults[:5]))
    return table


def adopt(text: str, actor: Actor, name: str = "") -> FormatTable:
    """A version of it, not in use until an administrator switches it on. Raises InvalidInput, Forbidden."""
    format_tables.require_writer(actor)
    table = checked(text, name)
    return format_tables.save(table.importer.name, table.importer.title, text, actor)


def sample_code(key: str, name: str, user: int | None) -> str:
    """A sample in the staging directory, for the page; of a certain user, or of whoever may write tables."""
    return signing.dumps({"key": key, "name": name[:200], "user": user}, salt=_SALT)


def kept_sample(code: str, user: int | None) -> Source:
    """The sample of a code. Raises InvalidInput where it is gone, or somebody else's."""
    try:
        told: dict[str, Any] = signing.loads(code, salt=_SALT, max_age=_KEPT_S)
    except signing.BadSignature:
        raise InvalidInput(_GONE) from None
    path = jobs.directory() / str(told["key"])
    if told["user"] not in (None, user) or not _KEY.fullmatch(str(told["key"])) or not path.is_file():
        raise InvalidInput(_GONE)
    return Source(told["name"], path=path)


def recognised(source: Source) -> str:
    """The format that is sure of a sample already, but for the one that reads anybody's events; "" for none."""
    found = registry.detect(source)
    return f"{found}（{registry.get(found).title}）" if found not in ("", registry.ANYBODY) else ""


def tried(text: str, source: Source) -> list[str]:
    """What would come of the first records, in lines. Raises InvalidInput."""
    return list(check_table(read_table(text).importer, source, _TRIED))
