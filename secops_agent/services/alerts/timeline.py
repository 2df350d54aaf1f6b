"""Calling: who is told of an alert next and when, while nobody takes it; or why nobody is any more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Exists, F, OuterRef, Subquery
from django.utils import timezone

from secops_agent.models import CALL_OPEN, Alert, AlertMessageItem, Escalation, Silence, WakeCall
from secops_agent.models.choices import AlertStatus
from secops_agent.services.clock import clock
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.calls import words_of
from secops_agent.services.notifications.delivery.escalation import DISABLED, EXHAUSTED, holding, next_told
from secops_agent.services.notifications.matching import linked_assets
from secops_agent.services.switches import NO_SPEECH, read_switches

if TYPE_CHECKING:
    from django.db.models import QuerySet

MOST: Final = 30
NEAREST: Final = 5  # of all alerts
LEFT: Final = "升级已到最后一步，还没有人确认"
OF_NO_RULE: Final = "没有通知规则要发它，不会叫人（后来建的规则不补发）"
QUIET: Final = "现在没有在叫谁，也没有等着升级的告警"


@dataclass(frozen=True, slots=True)
class Calling:
    """``lines``: the calls under way, then the steps to come, the nearest first; else one: why nobody is called any more.

    ``is_left``: everybody was told, and still nobody has it. ``was_told``: anybody was told of it, or is to be.
    """

    lines: tuple[str, ...]
    is_left: bool = False
    was_told: bool = True


def calling(alert: Alert, active: Sequence[Silence], ringing: Sequence[str] | None) -> Calling:
    """Of one alert; ``active``: the silences of now; ``ringing``: the calls under way, in words; None if it has no messages: no query."""
    if ringing is None:
        return Calling((OF_NO_RULE,), was_told=False)
    others = AlertMessageItem.objects.filter(message=OuterRef("message")).exclude(alert=alert)
    mine = _escalations().filter(message__alerts=alert).annotate(is_shared=Exists(others))
    rows = list(mine.order_by(F("next_at").asc(nulls_last=True), "-pk")[:MOST])
    if alert.status == AlertStatus.OPEN:
        coming = [row for row in rows if row.next_at and row.rule.enabled]
        if lines := (*ringing, *_lines(coming, active, alert)):
            return Calling(lines)
    why = _over(alert, rows)
    return Calling((f"不再叫人：{why}",), is_left=why == LEFT)


def calling_of(alert_id: int) -> Calling:
    """Of the alert with this number."""
    messages = AlertMessageItem.objects.filter(alert=OuterRef("pk"))
    rows = Alert.objects.select_related("assignee", "case__owner").annotate(is_told=Exists(messages))
    alert = rows.get(pk=alert_id)
    if not alert.is_told:
        return calling(alert, (), None)
    ringing = WakeCall.objects.filter(message__alerts=alert, state__in=CALL_OPEN).select_related("staff")
    return calling(alert, silences.active(timezone.now()), list(map(words_of, ringing[:MOST])))


def _over(alert: Alert, rows: Sequence[Escalation]) -> str:
    """Why nobody is called any more."""
    if alert.status == AlertStatus.CLOSED:
        return "告警已经关闭"
    if alert.handler and not (alert.assignee_id and alert.status == AlertStatus.OPEN):
        return f"{alert.handler.name} {'是处理人' if alert.assignee_id else '负责它所在的事件'}"
    if alert.status != AlertStatus.OPEN:
        return "已有人确认"
    ended = [row.ended or DISABLED for row in rows]
    return (
        LEFT if EXHAUSTED in ended else ended[0] if ended else "发它的通知规则没有升级，没有人确认也不会再叫"
    )


def _escalations() -> "QuerySet[Escalation]":
    return Escalation.objects.select_related("rule", "message__target__config")


def _lines(rows: Sequence[Any], active: Sequence[Silence], alone: Alert | None = None) -> Iterator[str]:
    """Of the steps to come. Three queries at most for all, and those for whom each one tells. ``alone``: the alert of those whose
    message is not ``is_shared``."""
    known = {row.message_id: [alone] for row in rows if alone and not row.is_shared}
    told = known | _alerts_of([row for row in rows if row.message_id not in known]) if active else {}
    heads = [each[0] for each in told.values()] if silences.look_at_assets(active) else []
    linked = linked_assets(heads) if heads else {}
    held = {row.pk: holding(active, told.get(row.message_id, []), linked) for row in rows}
    is_mute = not all(held.values()) and NO_SPEECH in read_switches()
    for row in rows:
        again = f"，第 {row.round + 1} 轮" if row.round else ""
        step = f"（{row.rule} 第 {row.step + 1} 步{again}）"
        if silence := held[row.pk]:
            yield f"静默中，{clock(silence.ends_at)} 以前不升级{step}"
        elif is_mute:
            yield f"「不主动说话」打开着，恢复以前不升级{step}"
        elif row.next_at:
            yield f"{clock(row.next_at)} 还没有人确认就{next_told(row, row.next_at)}{step}"


def _alerts_of(rows: Sequence[Escalation]) -> dict[int, list[Alert]]:
    """Message → its alerts."""
    found: dict[int, list[Alert]] = {}
    items = AlertMessageItem.objects.filter(message__in=[row.message_id for row in rows])
    for item in items.select_related("alert").order_by("alert_id"):
        found.setdefault(item.message_id, []).append(item.alert)
    return found


def under_way() -> list[tuple[int, str]]:
    """(alert's number, line) of the calls being made and the nearest steps to come, whatever the alert."""
    found = []
    ringing = WakeCall.objects.filter(state__in=CALL_OPEN, message__isnull=False).order_by("due_at")
    for call in ringing.select_related("staff").prefetch_related("message__alerts")[:NEAREST]:
        found += [(each.pk, words_of(call)) for each in call.message.alerts.all()[:1]] if call.message else []
    is_open = AlertMessageItem.objects.filter(message=OuterRef("message"), alert__status=AlertStatus.OPEN)
    first = Subquery(is_open.order_by("alert_id").values("alert_id")[:1])
    rows = _escalations().filter(next_at__isnull=False, rule__enabled=True).annotate(first=first)
    near = list(rows.filter(first__isnull=False).order_by("next_at")[: max(0, NEAREST - len(found))])
    lines = _lines(near, silences.active(timezone.now()) if near else ())
    return [*found, *((row.first, line) for row, line in zip(near, lines, strict=True))]
