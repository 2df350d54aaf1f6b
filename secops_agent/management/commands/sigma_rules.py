"""``manage.py sigma_rules PATH``: what Sigma rules say of themselves, for the alerts that name them."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.models import DetectionRule
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import detection_rules


class Command(OperatorCommand):
    """Files, a folder of them, or a zip."""

    help = "读入 Sigma 规则（YAML 文件、文件夹或 zip）的级别、说明、已知的误报和 ATT&CK，显示在写着这条规则的告警上"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where they are."""
        parser.add_argument("path", metavar="PATH", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """A line for each that was not taken, then how many were."""
        path: Path = options["path"]
        files = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]
        rules: dict[str, DetectionRule] = {}
        refused: list[str] = []
        for file in files:
            try:
                read = detection_rules.read_rules(file.name, file.read_bytes())
            except (BifangError, OSError) as error:
                refused.append(f"{file}：{error.message if isinstance(error, BifangError) else error}")
                continue
            rules |= {rule.uid: rule for rule in read.rules}
            refused += read.refused
        for line in refused:
            self.stderr.write(line)
        try:
            saved = detection_rules.save(rules.values(), Actor.system("sigma_rules"), path.name)
        except BifangError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"检测规则 {saved} 条，没有收 {len(refused)} 个")
