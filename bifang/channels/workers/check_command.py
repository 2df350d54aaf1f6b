"""The commands ``check_…_stream [--config-id ID] [--json]``: why does the robot not answer?"""

import asyncio
import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from bifang.channels.checks.diagnosis import Diagnosis, Examination, diagnose
from bifang.core.command import OperatorCommand
from bifang.core.configuration.trials import Result

WORDS = {"passed": "通过", "failed": "失败", "skipped": "跳过"}
MARGIN = 2


class CheckCommand(OperatorCommand):
    """Exit code 1 if a step failed. Never disturbs a running worker."""

    examination: ClassVar[Examination]

    def add_arguments(self, parser: CommandParser) -> None:
        """Which configuration, and the form of the output."""
        parser.add_argument("--config-id", type=int, metavar="ID", help="只检查这一个配置（启用与否都可以）")
        parser.add_argument("--json", action="store_true", help="输出 JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print, exit."""
        diagnosis = asyncio.run(diagnose(self.examination, options["config_id"]))
        if options["json"]:
            self.stdout.write(json.dumps(diagnosis.as_json(), ensure_ascii=False, indent=2))
        else:
            self._print(diagnosis)
        if not diagnosis.ok:
            sys.exit(1)

    def _print(self, diagnosis: Diagnosis) -> None:
        self._print_block("本机", diagnosis.local)
        for config in diagnosis.configs:
            self._print_block(f"配置「{config.name}」（ID {config.id}）", config.steps)
        every = [*diagnosis.local, *(step for config in diagnosis.configs for step in config.steps)]
        counts = {verdict: sum(step.verdict == verdict for step in every) for verdict in WORDS}
        line = "，".join(f"{WORDS[verdict]} {count}" for verdict, count in counts.items())
        self.stdout.write(self._style("passed" if diagnosis.ok else "failed", f"共 {len(every)} 项：{line}"))

    def _print_block(self, title: str, steps: Sequence[Result]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(title))
        width = max((_width(step.label) for step in steps), default=0)
        for step in steps:
            gap = " " * (width - _width(step.label) + MARGIN)
            word = self._style(step.verdict, WORDS[step.verdict])
            self.stdout.write(f"  {word}  {step.label}{gap}{step.detail}")
            if step.remedy:
                self.stdout.write(f"        {' ' * width}{' ' * MARGIN}处理：{step.remedy}")
        self.stdout.write("")

    def _style(self, verdict: str, text: str) -> str:
        styles = {
            "passed": self.style.SUCCESS,
            "failed": self.style.ERROR,
            "skipped": self.style.WARNING,
        }
        return str(styles[verdict](text))


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
