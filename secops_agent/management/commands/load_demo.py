"""``manage.py load_demo [--clear]``: an estate to try Bifang on."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.demo import loading

_LABELS = {
    "asset": "资产", "component": "组件", "vulnerability": "漏洞", "finding": "发现", "alert": "告警", "case": "事件", "runbook": "手册",
    "staff": "人员", "source": "数据源", "block": "封禁",
}  # fmt: skip


class Command(OperatorCommand):
    """Loading twice changes nothing."""

    help = "载入演示数据（重复执行不会改变什么）；--clear 只删除它载入的内容"

    def add_arguments(self, parser: CommandParser) -> None:
        """To load or to clear."""
        parser.add_argument("--clear", action="store_true", help="删除演示数据")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and tell."""
        try:
            counts = loading.clear() if options["clear"] else loading.load()
        except BifangError as error:
            raise CommandError(error.message) from None
        told = "，".join(f"{label} {counts[kind]}" for kind, label in _LABELS.items() if counts.get(kind))
        if options["clear"]:
            self.stdout.write(f"已删除演示数据：{told}。" if told else "没有演示数据可删除。")
        else:
            self.stdout.write(f"已载入演示数据：{told}。" if told else "演示数据已经载入过，没有改变。")
