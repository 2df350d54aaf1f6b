"""``manage.py skills export DIR`` and ``manage.py skills import DIR``: runbooks as folders with a SKILL.md each."""

import dataclasses
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.models import Runbook
from secops_agent.services.actors import Actor
from secops_agent.services.runbooks import folders, importing, trees


class Command(OperatorCommand):
    """For keeping them in a version control system, and for moving them from one installation to another."""

    help = "把手册导出成文件夹，或从文件夹导入：每份一个文件夹，里面是 SKILL.md；可重复执行"

    def add_arguments(self, parser: CommandParser) -> None:
        """The direction and the folder."""
        parser.add_argument("direction", choices=("export", "import"), metavar="export|import")
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="内容不同的也替换（先不加它运行一次，看差异）"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell the numbers."""
        try:
            self.stdout.write(self._run(options["direction"], options["folder"], replace=options["replace"]))
        except BifangError as error:
            raise CommandError(error.message) from None

    def _run(self, direction: str, folder: Path, *, replace: bool) -> str:
        if direction == "export":
            return f"已导出 {folders.export_folder(folder, list(Runbook.objects.order_by('pk')))} 份手册。"
        actor = Actor.system("skills")
        plan = importing.plan(trees.read_folder(folder), actor)
        for each in plan.changed:
            self.stdout.write(f"--- {each.name}\n{each.difference}\n")
        if replace or not plan.changed:
            importing.carry_out(plan, actor)
            return plan.told
        importing.carry_out(dataclasses.replace(plan, changed=()), actor)
        return f"{plan.told}要更新的没有替换：看过以上差异，确认后加 --replace 再运行。"
