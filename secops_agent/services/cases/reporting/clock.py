"""The reporting clock of a case: its grade by code, its limits, its reminders, and the record of what was reported.

Nothing is sent outside: people report, and enter here that they did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from bifang.channels.text.visible import visible
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, Case
from secops_agent.models.alerting.reporting import (
    CaseReporting,
    GradingQuestion,
    IncidentLevel,
    ReportingDuty,
    ReportingEntry,
    ReportingReminder,
    ReportStage,
)
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.cases.locks import lock, text_of
from secops_agent.services.cases.views import code_of
from secops_agent.services.clock import clock, exact, left_told
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.notifications.matching import follow_up

LAST: Final = timedelta(minutes=15)  # before the limit of the first report
LAST_DAY: Final = timedelta(days=1)  # before that of the closing report
OFFICIAL: Final = "以官方文本为准"
_LARGEST: Final = 10**15


@dataclass(frozen=True, slots=True)
class ReportingView:
    """The clock as it stands. ``due_at`` is of the next report (None: nothing is due); ``waits_for``: which one that is."""

    level: str
    duty: ReportingDuty
    found_at: datetime
    graded_by: str
    graded_at: datetime
    handled_at: datetime | None
    waits_for: str
    due_at: datetime | None
    entries: tuple[ReportingEntry, ...]
    answers: Mapping[str, int | None]
    unreached: bool

    def line(self, now: datetime) -> str:
        """The clock in one line, for page, card and report."""
        level = IncidentLevel(self.level).label
        if self.due_at is None:
            if self.level == IncidentLevel.GENERAL:
                return f"分级 {level}：不到「较大」，没有报告时限（{OFFICIAL}）"
            done = any(each.stage == ReportStage.CLOSING for each in self.entries)
            return f"分级 {level}：{'总结报告已登记' if done else '首次报告已登记，处置结束以后还有总结报告'}"
        stage = ReportStage(self.waits_for).label
        return f"分级 {level}：{stage}{left_told(self.due_at, now)}（{clock(self.due_at)} 前，报{self.duty.body}）"


def tell_alerts(case_id: int) -> None:
    """What is told of the case's alerts says how its clock stands, in the caller's transaction."""
    follow_up(list(Alert.objects.filter(case=case_id).values_list("pk", flat=True)))


def standing(case_id: int) -> ReportingView | None:
    """The clock of a case; None if nobody graded it."""
    silent = ReportingReminder.objects.filter(reporting=OuterRef("pk"), told_at__isnull=False, told_to="")
    rows = CaseReporting.objects.select_related("duty").annotate(unreached=Exists(silent))
    row = rows.filter(case_id=case_id).first()
    if row is None:
        return None
    entries = tuple(row.entries.all())
    waits_for, due_at = row.waiting(each.stage for each in entries)
    return ReportingView(
        row.level, row.duty, row.found_at, row.graded_by, row.graded_at, row.handled_at, waits_for, due_at, entries, row.answers, row.unreached
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A case that waits for a report; ``stage`` and ``body``: which one, and to whom, in Chinese."""

    case: Case
    stage: str
    body: str
    due_at: datetime

    def left(self, now: datetime) -> str:
        """还剩 2 小时 15 分."""
        return left_told(self.due_at, now)


def running() -> list[RunningClock]:
    """The clocks that run, the most urgent first. Two queries."""
    rows = CaseReporting.objects.exclude(due_at=None, closing_due_at=None).select_related(
        "duty", "case__owner"
    )
    found = (
        (row, *row.waiting(each.stage for each in row.entries.all()))
        for row in rows.prefetch_related("entries")
    )
    told = [
        RunningClock(row.case, ReportStage(stage).label, row.duty.body, due)
        for row, stage, due in found
        if due
    ]
    return sorted(told, key=lambda each: each.due_at)


def level_of(questions: Sequence[GradingQuestion], answers: Mapping[str, int | None]) -> IncidentLevel:
    """The gravest that an answer makes it."""
    steps = (
        ("severe", IncidentLevel.SEVERE),
        ("major", IncidentLevel.MAJOR),
        ("moderate", IncidentLevel.MODERATE),
    )
    for name, level in steps:
        for each in questions:
            least, given = getattr(each, name), answers.get(str(each.pk))
            if least is not None and given is not None and given >= least:
                return level
    return IncidentLevel.GENERAL


def grade(
    case_id: int, actor: Actor, duty_id: int, found_at: datetime, answers: Mapping[str, int | None]
) -> ReportingView:
    """Grade a case, or again when more is known; its clock runs from when it was found. Raises InvalidInput, NotFound."""
    duty = ReportingDuty.objects.filter(pk=duty_id, enabled=True).first()
    if duty is None:
        raise InvalidInput("请选择本单位适用的报告时限。")
    now, found_at = (
        database_now(),
        found_at.astimezone(UTC),
    )  # in local time, an hour would be two where clocks change
    if not now - timedelta(days=3650) < found_at <= now:
        raise InvalidInput("发现时间应在过去，不能晚于现在。")
    questions = list(GradingQuestion.objects.filter(enabled=True))
    kept = {str(each.pk): _demand_number(answers.get(str(each.pk))) for each in questions}
    level = level_of(questions, kept)
    due = found_at + timedelta(minutes=duty.minutes) if level != IncidentLevel.GENERAL else None
    values = {
        "duty": duty, "found_at": found_at, "answers": kept, "level": level, "graded_by": actor.name[:200], "graded_at": now, "due_at": due,
    }  # fmt: skip
    with transaction.atomic():
        lock(case_id)
        row, _ = CaseReporting.objects.update_or_create(case_id=case_id, defaults=values)
        _count(row, now)
        told = {each.text: kept[str(each.pk)] for each in questions}
        detail = {
            "level": level,
            "duty": duty.name,
            "found_at": exact(found_at),
            "due_at": exact(due) if due else "",
            "answers": told,
        }
        keep(actor, f"事件 {code_of(case_id)} 报告分级：{level.label}", f"case:{case_id}", detail)
    return _view(case_id)


def _count(row: CaseReporting, now: datetime) -> None:
    """The limits and reminders as they follow from the row."""
    reported = row.entries.filter(stage=ReportStage.FIRST).exists()
    _remind(row, ReportStage.FIRST, None if reported else row.due_at, row.found_at, LAST, now)
    _set_closing(row, row.handled_at if row.due_at else None, now)
    tell_alerts(row.case_id)


def _demand_number(given: int | None) -> int | None:
    if given is not None and not 0 <= given <= _LARGEST:
        raise InvalidInput("数量应是不小于 0 的整数；不知道的留空。")
    return given


def _remind(
    row: CaseReporting,
    stage: ReportStage,
    due: datetime | None,
    since: datetime,
    last: timedelta,
    now: datetime,
) -> None:
    """The reminders that are still to come, anew; of those that are past already only the latest."""
    row.reminders.filter(stage=stage, told_at=None).delete()
    if due is None:
        return
    told = set(row.reminders.filter(stage=stage).values_list("mark", "due_at"))
    marks = [("half", since + (due - since) / 2), ("last", due - last), ("late", due)]
    past = [each for each in marks if each[1] <= now]
    for mark, at in [*past[-1:], *(each for each in marks if each[1] > now)]:
        if (mark, at) not in told:
            ReportingReminder.objects.create(reporting=row, stage=stage, mark=mark, due_at=at)


def _set_closing(row: CaseReporting, at: datetime | None, now: datetime) -> None:
    due = at + timedelta(days=row.duty.closing_days) if at else None
    CaseReporting.objects.filter(pk=row.pk).update(closing_due_at=due)
    reported = row.entries.filter(stage=ReportStage.CLOSING).exists()
    _remind(row, ReportStage.CLOSING, None if reported else due, at or now, LAST_DAY, now)


def end_handling(case_id: int, actor: Actor, at: datetime, *, unless_known: bool = False) -> None:
    """Handling is over: the closing report is counted from here. Nothing for a case without a clock, or ``unless_known`` where
    it is told already. Raises InvalidInput."""
    with transaction.atomic():
        row = CaseReporting.objects.select_for_update().filter(case_id=case_id).first()
        if row is None or (unless_known and row.handled_at):
            return
        now, at = database_now(), at.astimezone(UTC)
        if not row.found_at <= at <= now + timedelta(minutes=1):
            raise InvalidInput("处置结束时间应在发现以后，不能晚于现在。")
        CaseReporting.objects.filter(pk=row.pk).update(handled_at=at)
        _set_closing(row, at if row.due_at else None, now)
        tell_alerts(case_id)
        keep(actor, f"事件 {code_of(case_id)} 处置结束", f"case:{case_id}", {"handled_at": exact(at)})


def enter(
    case_id: int,
    actor: Actor,
    *,
    stage: str,
    body: str,
    text: str,
    reported_by: str,
    at: datetime,
    reference: str = "",
) -> ReportingView:
    """What somebody reported, to whom and when: kept for good, and on the audit trail. Raises InvalidInput, NotFound, Conflict."""
    now = database_now()
    kept, named = text_of(text), " ".join(visible(body).split())[:200]
    if stage not in ReportStage.values or not kept or not named or not reported_by.strip():
        raise InvalidInput("请写明是哪一种报告、报给谁、谁报的和报了什么。")
    if at > now + timedelta(minutes=1):
        raise InvalidInput("报告时间不能晚于现在。")
    with transaction.atomic():
        row = CaseReporting.objects.select_for_update().filter(case_id=case_id).first()
        if row is None:
            raise NotFound(f"事件 {code_of(case_id)} 还没有分级。")
        if stage != ReportStage.SUPPLEMENT and row.entries.filter(stage=stage, body=named).exists():
            raise Conflict(f"{ReportStage(stage).label}已经登记过报给「{named}」：有更正的，登记为补充报告。")
        entry = ReportingEntry.objects.create(
            reporting=row, stage=stage, body=named, text=kept, reference=visible(reference).strip()[:200],
            reported_by=visible(reported_by).strip()[:200], at=at, made_by=actor.name[:200], made_at=now,
        )  # fmt: skip
        row.reminders.filter(stage=stage, told_at=None).delete()
        _keep_entry(row, entry, actor)
        tell_alerts(case_id)
    return _view(case_id)


def _keep_entry(row: CaseReporting, entry: ReportingEntry, actor: Actor) -> None:
    """On the audit trail, with whether it was in time."""
    limits = {ReportStage.FIRST: row.due_at, ReportStage.CLOSING: row.closing_due_at}
    limit = limits.get(ReportStage(entry.stage))
    detail = {
        "stage": entry.stage, "body": entry.body, "at": exact(entry.at), "reported_by": entry.reported_by, "reference": entry.reference,
        "late": bool(limit and entry.at > limit),
    }  # fmt: skip
    what = f"事件 {code_of(row.case_id)} 登记{ReportStage(entry.stage).label}：报{entry.body}"
    keep(actor, what, f"case:{row.case_id}", detail, entry.text)


def _view(case_id: int) -> ReportingView:
    found = standing(case_id)
    assert found is not None  # it was just written
    return found
