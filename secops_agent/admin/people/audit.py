"""审计记录: what was said, decided, called, approved and sent. Read, exported, never changed."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter

from bifang.channels.admin.rows import MAY_NOT_READ
from bifang.channels.rights import READ_TEXT
from bifang.core.admin.base import RecordScreen, as_json, badge, cell, column, moment, preformatted, shortened
from secops_agent.admin.inventory import door_word
from secops_agent.models import AuditKind, AuditRecord, AuditSegment
from secops_agent.services.audit.trail import FIELDS, plain

# How audit records are found: words anywhere in the newest ones, days, and what is asked for exactly.

REACH: Final = 200_000  # records; further back with a range of days
LONGEST: Final = 100
LONGEST_ID: Final = 18


class DaysFilter(RangeDateFilter):  # type: ignore[misc]  # unfold has no types
    """From a day to a day, both included, in local time."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """What is no date narrows nothing."""
        start, end = (self._day(side) for side in ("from", "to"))
        rows = queryset.filter(at__gte=_midnight(start)) if start else queryset
        return rows.filter(at__lt=_midnight(end + timedelta(days=1))) if end else rows

    def _day(self, side: str) -> date | None:
        try:
            return parse_date(str(self.used_parameters.get(f"{self.parameter_name}_{side}") or ""))
        except ValueError:
            return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def search(rows: QuerySet[AuditRecord], term: str, given: Any, *, text: bool) -> QuerySet[AuditRecord]:
    """Records with `term` in what, who or about what; with ``text`` also in what was written."""
    words = term.strip()[:LONGEST]
    if not words:
        return rows
    exact = Q(subject=words) | Q(conversation_id=words)
    exact |= (
        Q(inbox_id=int(words)) if words.isascii() and words.isdecimal() and len(words) <= LONGEST_ID else Q()
    )
    anywhere = Q(what__icontains=words) | Q(actor_name__icontains=words) | Q(subject__startswith=words)
    anywhere |= Q(text__icontains=words) if text else Q()
    if not (given.get("at_from") or given.get("at_to")):
        newest = AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        anywhere &= Q(pk__gt=newest - REACH)
    return rows.filter(exact | anywhere)


PRIVATE = ("words", "whole_text", "data")
TONES = {AuditKind.APPROVAL: "warn", AuditKind.ACTION: "warn", AuditKind.PROPOSAL: "info"}


@admin.register(AuditRecord)
class AuditScreen(RecordScreen):
    """One line for each thing that happened. Text is for those who may read what people write."""

    list_display = ("id", "when", "kind_badge", "what", "actor_name", "door", "subject", "words", "sealed")
    list_filter = ("kind", "actor_kind", "via", ("at", DaysFilter))
    list_filter_submit = True
    list_before_template = "admin/secops_agent/audit.html"
    search_fields = ("what",)  # that there is a search; `get_search_results` says what it finds
    search_help_text = "操作者、事项、对象（如 alert:12）、内容中的文字，或消息编号；更早的请先选日期"
    list_select_related = ("segment",)
    actions = ("export",)
    ordering = ("-id",)
    fields = (
        "id", "when", "kind_badge", "what", "actor_name", "actor_id", "door", "subject", "config_id", "conversation_id", "inbox_id",
        "whole_text", "data", "sealed",
    )  # fmt: skip

    when = column("at", "时间", moment, ordering="id")

    kind_badge = cell(
        "种类",
        lambda row: badge(str(AuditKind(row.kind).label), TONES.get(AuditKind(row.kind), "idle")),
        ordering="kind",
    )

    words = cell("内容", lambda row: shortened(row.text, 50))

    whole_text = column("text", "内容", preformatted)
    data = column("detail", "数据", as_json)

    hidden_text = cell("内容", lambda row: MAY_NOT_READ)

    door = cell("途径", lambda row: door_word(row.via), ordering="via")

    @admin.display(description="封存")
    def sealed(self, row: AuditRecord) -> SafeString | str:
        """Its place in the chain: segment and number."""
        if row.segment is None:
            return "等待"
        where = (row.segment.number, row.position)
        return format_html('<span class="bf-time" title="第 {} 段第 {} 条">{}-{}</span>', *where, *where)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without text where it may not be read."""
        return _readable(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without text where it may not be read."""
        return _readable(request, self.fields)

    def has_read_permission(self, request: HttpRequest) -> bool:
        """May this person read what people write?"""
        return request.user.has_perm(READ_TEXT)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        """Text only for those who may read it: a search tells what it found."""
        return search(queryset, search_term, request.GET, text=self.has_read_permission(request)), False

    @admin.action(description="导出为 JSON Lines", permissions=["read"])
    def export(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> StreamingHttpResponse:
        """The chosen records; all of them: `manage.py export_audit`."""
        rows = queryset.order_by("id").values(*FIELDS).iterator(chunk_size=500)
        lines = (json.dumps(plain(row), ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
        return StreamingHttpResponse(
            lines,
            content_type="application/x-ndjson; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )


def _readable(request: HttpRequest, names: Any) -> list[str]:
    if request.user.has_perm(READ_TEXT):
        return list(names)
    kept = [name for name in names if name not in PRIVATE]
    return [*kept[:-1], "hidden_text", kept[-1]]


@admin.register(AuditSegment)
class SegmentScreen(RecordScreen):
    """The days of the chain."""

    list_display = ("number", "day", "count", "closed", "sealed", "digest", "dropped")
    list_filter = ("closed", "day")
    fields = (
        "number", "day", "count", "first_id", "last_id", "previous", "digest", "opened", "sealed", "closed", "dropped",
    )  # fmt: skip

    opened = column("opened_at", "开始时间", moment)
    sealed = column("sealed_at", "最近封存", moment)
    dropped = column("dropped_at", "清除时间", moment)
