"""``manage.py skills export DIR`` and ``manage.py skills import DIR``: runbooks as folders with a SKILL.md each."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bifang.core.errors import BifangError
from secops_agent.models import Runbook
from secops_agent.services.actors import Actor
from secops_agent.services.runbooks import folders


class Command(BaseCommand):
    """For keeping them in a version control system, and for moving them from one installation to another."""

    help = "把处置手册（技能）导出成文件夹，或从文件夹导入：每份一个文件夹，里面是 SKILL.md；可重复执行"

    def add_arguments(self, parser: CommandParser) -> None:
        """The direction and the folder."""
        parser.add_argument("direction", choices=("export", "import"), metavar="export|import")
        parser.add_argument("folder", metavar="DIR", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell the numbers."""
        try:
            self.stdout.write(self._run(options["direction"], options["folder"]))
        except BifangError as error:
            raise CommandError(error.message) from None

    @staticmethod
    def _run(direction: str, folder: Path) -> str:
        if direction == "export":
            return f"已导出 {folders.export_folder(folder, list(Runbook.objects.order_by('pk')))} 份手册。"
        outcome = folders.import_texts(folders.read_folder(folder), Actor.system("skills"))
        return folders.told(outcome)
