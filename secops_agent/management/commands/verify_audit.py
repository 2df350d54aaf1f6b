"""``manage.py verify_audit``: has the audit trail been touched?"""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from secops_agent.services.audit import verification
from secops_agent.services.audit.verification import ChainVerdict


class Command(OperatorCommand):
    """Computes the chain again from the records; changes nothing."""

    help = "校验审计记录：重新计算整条哈希链，发现任何修改、删除、插入、调换、截去或退回"

    def add_arguments(self, parser: CommandParser) -> None:
        """A digest written down elsewhere, beside the one that this host keeps."""
        parser.add_argument(
            "--expect", metavar="摘要", default="", help="以前记下的链尾摘要：证明此后没有被截去或重写"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 if anything is not as it was sealed, 2 if that cannot be told without the key."""
        report = verification.verify(options["expect"], settings.AUDIT_RETENTION_DAYS)
        for fault in report.faults:
            place = f"第 {fault.segment} 段" if fault.segment else "审计链"
            self.stderr.write(f"✗ {place}：{fault.text}")
        summary = (
            f"共 {report.segments} 段、{report.records} 条已封存记录，{report.dropped} 段已按保留期清除，"
            f"{report.unsealed} 条等待封存。{report.compared}\n链尾摘要：{report.head}"
        )
        found = verification.verdict(len(report.faults), verification.touched(report.faults))
        if found is ChainVerdict.WHOLE:
            self.stdout.write(f"审计记录{found}。{summary}")
        elif found is ChainVerdict.UNREADABLE:
            raise CommandError(f"审计记录{found}：{verification.NO_KEY}{summary}", returncode=2)
        else:
            raise CommandError(f"审计记录{found}：发现 {len(report.faults)} 处问题。{summary}")
