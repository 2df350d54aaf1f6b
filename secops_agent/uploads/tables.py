"""Tables of fields from people: read, tried by their own examples, then kept."""

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.language.examples import faults_of
from secops_agent.importers.language.table_files import TableFile, read_table
from secops_agent.models import FormatTable
from secops_agent.services import format_tables
from secops_agent.services.actors import Actor


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
    table = checked(text, name)
    return format_tables.save(table.importer.name, table.importer.title, text, actor)
