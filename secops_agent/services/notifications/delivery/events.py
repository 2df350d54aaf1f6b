"""Last events of a message's alerts: who took, closed or reopened them, or that their source did."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, Q

from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from secops_agent.models import Alert, History, Investigation, InvestigationState, SecondLook, WakeCall
from secops_agent.models.alerting.reporting import CaseReporting, ReportStage
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.audit.history import ACTIONS
from secops_agent.services.clock import clock, left_told
from secops_agent.services.notifications.calls import words_of

DEEDS: Final = {
    name: ACTIONS[name] for name in ("acknowledge", "assign", "unassign", "close", "reopen", "undo")
}


@dataclass(frozen=True, slots=True)
class KnownNews:
    """By alert id: the last thing that happened, what was found out when it arrived, and what a model said of that;
    ``attacks``: those that were found to be a real attack; ``calls``: who was called because of it; ``limits``: until when its
    case is to be reported."""

    last: Mapping[int, History]
    found: Mapping[int, str]
    read: Mapping[int, str]
    attacks: frozenset[int]
    calls: Mapping[int, tuple[str, ...]]
    limits: Mapping[int, str]


def latest(alerts: Iterable[Alert]) -> KnownNews:
    """What is worth telling. Five queries, and two where there are cases."""
    cases = {each.pk: each.case_id for each in alerts if each.case_id}
    pks = [each.pk for each in alerts]
    rows = History.objects.filter(entity="alert", entity_id__in=pks)
    told = Q(action__in=DEEDS) | Q(action="import", changes__has_key="status")
    last = {row.entity_id: row for row in rows.filter(told).order_by("pk")}
    done = Investigation.objects.filter(
        alert_id__in=pks, trigger=Investigation.ARRIVAL, state=InvestigationState.DONE
    )
    looks = SecondLook.objects.filter(investigation__in=done).exclude(line="").order_by("pk")
    read = dict(looks.values_list("investigation__alert_id", "line"))
    found = list(done.order_by("pk").values_list("alert_id", "conclusion", "verdict"))
    attacks = frozenset(pk for pk, _, verdict in found if verdict == Verdict.TRUE_POSITIVE)
    told_limits = _limits(set(cases.values())) if cases else {}
    limits = {pk: told_limits[case] for pk, case in cases.items() if case in told_limits}
    return KnownNews(last, {pk: said for pk, said, _ in found}, read, attacks, _calls(pks), limits)


def _calls(pks: Sequence[int]) -> dict[int, tuple[str, ...]]:
    rows = WakeCall.objects.filter(message__items__alert_id__in=pks).order_by("pk")
    found: dict[int, tuple[str, ...]] = {}
    for row in rows.annotate(of=F("message__items__alert_id")).select_related("staff"):
        found[row.of] = (*found.get(row.of, ()), words_of(row))
    return found


def _limits(case_ids: Collection[int]) -> dict[int, str]:
    """Case → until when it is to be reported. A message stays as it is for a while: with the time."""
    rows = CaseReporting.objects.filter(case__in=case_ids).select_related("duty")
    now, found = database_now(), {}
    for row in rows.prefetch_related("entries"):
        stage, due = row.waiting(each.stage for each in row.entries.all())
        if due:
            label = f"分级 {row.get_level_display()}，{ReportStage(stage).label}"
            found[row.case_id] = (
                f"{label} {clock(due)} 前报{row.duty.body}（{clock(now)} 时{left_told(due, now)}）"
            )
    return found


def calls(alerts: Sequence[Alert], known: KnownNews) -> str:
    """Who was called because of the group, the last few; "" for nobody."""
    return "；".join(
        list(dict.fromkeys(said for each in alerts for said in known.calls.get(each.pk, ())))[-4:]
    )


def limit(alerts: Sequence[Alert], known: KnownNews) -> str:
    """Until when a case of the group is to be reported; "" for no limit."""
    return next((known.limits[each.pk] for each in alerts if each.pk in known.limits), "")


def deeds(alerts: Sequence[Alert], known: KnownNews, since: datetime) -> Counter[str]:
    """What became of many alerts → of how many: what somebody did since then, else what was found out."""
    return Counter(_news(each, known, since) for each in alerts)


def _news(alert: Alert, known: KnownNews, since: datetime) -> str:
    row = known.last.get(alert.pk)
    if row is not None and row.at >= since:
        return _words(row)
    return "调查有了结果" if alert.pk in known.found else "有新情况"


def last_event(alerts: Sequence[Alert], known: KnownNews) -> str:
    """李四 关闭，结论：误报（11-26 05:20）; "" if nobody did anything."""
    rows = [known.last[each.pk] for each in alerts if each.pk in known.last]
    row = max(rows, key=lambda one: one.pk, default=None)
    return f"{_words(row)}（{clock(row.at)}）" if row else ""


def finding(alerts: Sequence[Alert], known: KnownNews) -> str:
    """The newest of what was found out about the group; "" for nothing."""
    return next((known.found[each.pk] for each in reversed(alerts) if each.pk in known.found), "")


def reading(alerts: Sequence[Alert], known: KnownNews) -> str:
    """The newest of what a model said of it; "" for nothing."""
    return next((known.read[each.pk] for each in reversed(alerts) if each.pk in known.read), "")


def _words(row: History) -> str:
    if row.action == "import":
        return _of_source(row)
    said = f"{plain(row.actor_name, 30)} {DEEDS[row.action]}"
    if row.action == "assign":
        whom = str(_new(row, "assignee"))
        return f"{plain(whom, 30)} 接过" if whom == row.actor_name else f"{said}给 {plain(whom, 30)}"
    verdict = str(_new(row, "verdict")) if row.action == "close" else ""
    return f"{said}，结论：{Verdict(verdict).label}" if verdict in Verdict.values else said


def _of_source(row: History) -> str:
    old, new = row.changes["status"]
    if new == AlertStatus.CLOSED:
        return "来源报告已恢复，自动关闭"
    if "severity" in row.changes:
        return "级别升高，重新打开"
    return "再次发生，自动重新打开" if old == AlertStatus.CLOSED else "重新打开"


def _new(row: History, name: str) -> object:
    return row.changes.get(name, ["", ""])[1]
