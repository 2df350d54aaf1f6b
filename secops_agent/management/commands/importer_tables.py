"""``manage.py importer_tables export DIR`` and ``import PATH``: people's tables of fields as TOML files."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.importers.language.table_files import LONGEST
from secops_agent.services import format_tables
from secops_agent.services.actors import Actor
from secops_agent.uploads.tables import adopt


class Command(OperatorCommand):
    """For a version control system, and for moving them from one installation to another."""

    help = "把接入（字段表）导出成 TOML 文件，或从文件导入：先按自己的样例检查，加 --enable 才启用"

    def add_arguments(self, parser: CommandParser) -> None:
        """The direction and the place."""
        parser.add_argument("direction", choices=("export", "import"), metavar="export|import")
        parser.add_argument("path", metavar="PATH", type=Path, help="文件夹；导入时也可以是一个 .toml 文件")
        parser.add_argument("--enable", action="store_true", help="导入以后启用")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, a line for each."""
        try:
            if options["direction"] == "export":
                self._export(options["path"])
            else:
                self._import(options["path"], enable=options["enable"])
        except (BifangError, OSError, UnicodeDecodeError) as error:
            raise CommandError(error.message if isinstance(error, BifangError) else str(error)) from None

    def _export(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        for row in format_tables.newest():
            (folder / f"{row.name}.toml").write_text(row.text, encoding="utf-8")
            self.stdout.write(f"{row.name}\t版本 {row.version}\t{'启用' if row.enabled else '没有启用'}")

    def _import(self, path: Path, *, enable: bool) -> None:
        actor = Actor.system("importer_tables")
        for file in [path] if path.is_file() else sorted(path.glob("*.toml")):
            with file.open(encoding="utf-8") as stream:
                row = adopt(stream.read(LONGEST + 1), actor, file.stem)
            row = format_tables.switch_on(row.pk, actor) if enable else row
            self.stdout.write(f"{row.name}\t版本 {row.version}\t{'启用' if row.enabled else '没有启用'}")
