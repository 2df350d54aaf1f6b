"""``manage.py importer_check FORMAT FILE``: what an importer understands of a file, record by record."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.channels.text.visible import visible
from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.importers.checking import check, check_whole
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.uploads.tables import checked


class Command(OperatorCommand):
    """Reads and prints; the database is not opened."""

    help = "逐条说明一个文件读懂了什么：取了哪些字段、没有取哪些、拒绝了什么；不写入任何数据"

    def add_arguments(self, parser: CommandParser) -> None:
        """Format and file."""
        parser.add_argument(
            "format", metavar="FORMAT", help=f"auto、一个字段表（.toml）、{'、'.join(registry.importers())}"
        )
        parser.add_argument("file", metavar="FILE", help="文件路径，可以是 .gz")
        parser.add_argument("--source", default="", help="来源名称，与 import_data 相同")

    def handle(self, *args: Any, **options: Any) -> None:
        """Recognise, read, tell."""
        source, name = Source.from_path(Path(options["file"])), options["format"]
        try:
            if name == "auto":
                name = registry.detect_or_ask(source, f"请写明格式：{'、'.join(registry.importers())}")
            given = Options(source=options["source"])
            table = _table(Path(name)) if name.endswith(".toml") else None
            for line in check_whole(table, source, given) if table else check(name, source, given):
                # What stands in the file may be an attacker's, and this is a terminal.
                self.stdout.write(visible(line).replace("\n", "⏎"))
        except BifangError as error:
            raise CommandError(error.message) from None


def _table(path: Path) -> TableImporter:
    """Of a table that nobody has saved. Raises InvalidInput, where its own examples say otherwise, too."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"无法读取 {path}：{error}。") from None
    return checked(text, path.stem).importer
