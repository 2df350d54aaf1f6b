"""``manage.py export_audit FILE``: the audit trail as JSON lines."""

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from bifang.core.command import OperatorCommand
from secops_agent.services.audit import trail


class Command(OperatorCommand):
    """One record a line, with its place in the chain."""

    help = "导出审计记录：每行一条 JSON，含所在封存段与序号"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and from when until when."""
        parser.add_argument("file", metavar="FILE", help="写到哪个文件；- 表示标准输出")
        parser.add_argument(
            "--since", metavar="时间", default="", help="从何时起（含），例如 2026-11-01 或带时间"
        )
        parser.add_argument("--until", metavar="时间", default="", help="到何时止（不含）")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the number of records at the end (to stderr: stdout may be the file)."""
        records = trail.export(_moment(options["since"]), _moment(options["until"]))
        try:
            count = self._write(records, options["file"])
        except OSError as error:
            raise CommandError(f"无法写入 {options['file']}：{error.strerror}。请检查目录和权限。") from None
        self.stderr.write(f"已导出 {count} 条审计记录。")

    def _write(self, records: Iterable[Mapping[str, Any]], name: str) -> int:
        count = 0
        with ExitStack() as stack:
            file = sys.stdout if name == "-" else stack.enter_context(Path(name).open("w", encoding="utf-8"))
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n")
                count += 1
        return count


def _moment(text: str) -> datetime | None:
    """A time in the house's zone. Raises CommandError."""
    if not text:
        return None
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below
    if moment is None:
        raise CommandError(f"「{text}」不是时间：请写成 2026-11-01 或 2026-11-01T08:00。")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
