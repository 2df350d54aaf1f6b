"""``manage.py verify_audit``: has the audit trail been touched?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from secops_agent.services.audit import chain


class Command(BaseCommand):
    """Computes the chain again from the records; changes nothing."""

    help = "校验审计记录：重新计算整条哈希链，发现任何修改、删除、插入或调换"

    def add_arguments(self, parser: CommandParser) -> None:
        """A digest written down earlier also proves that the end was not cut off."""
        parser.add_argument(
            "--expect", metavar="摘要", default="", help="以前记下的链尾摘要：证明此后没有被截去或重写"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 if anything is not as it was sealed."""
        report = chain.verify(options["expect"], settings.AUDIT_RETENTION_DAYS)
        for fault in report.faults:
            place = f"第 {fault.segment} 段" if fault.segment else "审计链"
            self.stderr.write(f"✗ {place}：{fault.text}")
        summary = (
            f"共 {report.segments} 段、{report.records} 条已封存记录，{report.dropped} 段已按保留期清除，"
            f"{report.unsealed} 条等待封存。\n链尾摘要：{report.head}"
        )
        if report.faults:
            raise CommandError(f"审计记录被动过：发现 {len(report.faults)} 处问题。{summary}")
        self.stdout.write(f"审计记录完整。{summary}")
