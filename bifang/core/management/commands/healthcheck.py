"""``manage.py healthcheck [--json]``: what ``/readyz`` checks, with the details; exit code 0 or 1."""

import json
import sys
from typing import Any

from django.core.management.base import CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.monitoring.health import HealthFinding, HealthReport, check_health
from bifang.core.monitoring.recent import Recent

PATIENCE = 10.0  # seconds
BUSY = "检查在 10 秒内没有完成：数据库没有响应，请检查 DATABASE_URL 指向的服务器和网络。"
WORDS = {"ok": "通过", "failed": "失败", "skipped": "跳过"}


class Command(OperatorCommand):
    """For Docker, systemd and monitoring."""

    help = "检查本机的毕方能否工作：密钥、数据库、数据库结构、工作进程；退出码 0 表示全部通过，1 表示有问题"

    def add_arguments(self, parser: CommandParser) -> None:
        """The form of the output."""
        parser.add_argument("--json", action="store_true", help="输出 JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print, exit."""
        try:
            report = Recent(check_health, patience=PATIENCE).get()
        except TimeoutError:
            report = HealthReport((HealthFinding("database", "数据库", "failed", BUSY, BUSY),))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(details=True), ensure_ascii=False))
        else:
            self._print(report)
        if not report.ok:
            sys.exit(1)

    def _print(self, report: HealthReport) -> None:
        styles = {"ok": self.style.SUCCESS, "failed": self.style.ERROR, "skipped": self.style.WARNING}
        for finding in report.findings:
            self.stdout.write(
                f"{styles[finding.state](WORDS[finding.state])}  {finding.label}：{finding.detail}"
            )
