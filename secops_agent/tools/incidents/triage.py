"""Working on alerts, one or up to fifty: acknowledge, hand back, reopen, note, assign, close, set the level. They propose; a person's confirmation does it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, triage
from secops_agent.services.alerts.batches import Doer, TriageAct
from secops_agent.services.alerts.views import AlertSummary
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.filters import SEPARATORS, colleague
from secops_agent.tools.incidents.alerts import fields_of
from secops_agent.tools.markdown import SEVERITY, STATUS, VERDICT

MOST: Final = 50  # alerts of one call
_NOTE: Final = 500
_TITLES: Final = 10
_UNTOUCHED: Final = "没有执行任何操作。"
_GOING_ON: Final = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
_CODE: Final = re.compile(r"(?:告警)?[#A]?(\d{1,18})", re.IGNORECASE)


class OfAlerts(Arguments):
    """Which alerts something is done to."""

    alert_id: int | None = argument("告警编号", default=None, minimum=1, maximum=2**62)
    alert_ids: str = argument(
        f"几条一起时的告警编号，用英文逗号分隔，最多 {MOST} 条；只有一条时用 alert_id",
        default="",
        max_length=1100,
    )


class NotedAlerts(OfAlerts):
    """The same, with why: arguments of acknowledge_alert, unassign_alert and reopen_alert."""

    note: str = argument("备注", default="", max_length=_NOTE)


class CommentAlert(OfAlerts):
    """Arguments of comment_alert."""

    note: str = argument("备注，用提问者自己的话", max_length=_NOTE)


class AssignAlert(NotedAlerts):
    """Arguments of assign_alert."""

    assignee: str = argument("交给谁：姓名或员工 ID；「我」表示提问者", max_length=100)


class CloseAlert(NotedAlerts):
    """Arguments of close_alert."""

    verdict: Literal["true_positive", "false_positive", "benign", "duplicate"] | None = argument(
        "结论，必须由提问者明确说出：没有说就先问他，不要调用", labels=VERDICT, default=None
    )


class SetSeverity(NotedAlerts):
    """Arguments of set_severity."""

    severity: Literal["critical", "high", "medium", "low", "info"] | None = argument(
        "改成的级别，必须由提问者明确说出", labels=SEVERITY, default=None
    )


def numbers(alert_id: int | None, alert_ids: str) -> tuple[int, ...]:
    """The alerts that are meant, each once. Raises InvalidInput for none, too many, or what is no number."""
    words = [word for word in SEPARATORS.split(alert_ids) if word]
    codes = [_CODE.fullmatch(word) for word in words]
    if not all(codes):
        raise InvalidInput(f"「{plain(alert_ids, 60)}」里有不是告警编号的，例如 12,15。{_UNTOUCHED}")
    ids = dict.fromkeys([*([alert_id] if alert_id else []), *(int(code[1]) for code in codes if code)])
    if not ids:
        raise InvalidInput(f"请写明是哪条告警（编号）。{_UNTOUCHED}")
    if len(ids) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 条，收到 {len(ids)} 条：请分几次。{_UNTOUCHED}")
    return tuple(ids)


def _chosen(
    given: OfAlerts, *allowed: AlertStatus, idle: Callable[[AlertSummary], str] = lambda row: ""
) -> tuple[list[AlertSummary], Mapping[int, str]]:
    """Those to which this can be done, and why not of each other one; ``idle``: why it would change nothing. Raises NotFound, Conflict
    if it is none."""
    rows = triage.several(numbers(given.alert_id, given.alert_ids))
    left: dict[int, str] = {}
    for pk, row in rows.items():
        if row is None:
            left[pk] = f"没有编号为 {pk} 的告警"
        elif row.status not in allowed:
            left[pk] = f"告警 {pk} 现在是「{STATUS[row.status]}」，不能这样做"
        elif why := idle(row):
            left[pk] = why
    if len(left) == len(rows):
        raise (NotFound if None in rows.values() else Conflict)(f"{'；'.join(left.values())}。{_UNTOUCHED}")
    return [row for pk, row in rows.items() if row and pk not in left], left


def _planned(
    given: OfAlerts, found: Sequence[AlertSummary], left: Mapping[int, str], summary: str, **more: Any
) -> ValidatedAction:
    aim: dict[str, Any] = {"alert_id": found[0].id}
    if given.alert_ids:
        aim = {"alert_ids": ",".join(str(each.id) for each in found)}
    rest = f"。没有列入：{'；'.join(left.values())}" if left else ""
    stored = aim | {name: value for name, value in more.items() if value}
    return ValidatedAction(stored, f"{summary}{rest}", fields_of(found))


def _named(alerts: Sequence[AlertSummary]) -> str:
    if len(alerts) == 1:
        return f"告警 {says.code(alerts[0].id)}「{plain(alerts[0].title, 80)}」"
    titles = "、".join(f"A{each.id}「{plain(each.title, 30)}」" for each in alerts[:_TITLES])
    rest = "、".join(f"A{each.id}" for each in alerts[_TITLES:])
    return f" {len(alerts)} 条告警（{'、'.join(filter(None, (titles, rest)))}）"


def _noted(note: str) -> str:
    return f"，备注：{plain(note, _NOTE)}" if note else ""


def _carry_out(given: OfAlerts, act: TriageAct, actor: Actor, said: str) -> str:
    """Each by itself; all that was done is taken back together. ``said``: 已关闭{named}. Raises Conflict for none."""
    staff = staff_of(actor)
    doer = Doer(staff_id=staff.pk if staff else None)
    outcome = batches.carry_out(act, numbers(given.alert_id, given.alert_ids), actor, doer)
    if not outcome.done:
        raise Conflict(f"{''.join(outcome.left.values())}{_UNTOUCHED}")
    rows = [row for row in triage.several(outcome.done).values() if row]
    left = "".join(f"\n- A{pk} 没有做：{why}" for pk, why in outcome.left.items())
    undo = (
        f"\n\n撤销：{batches.UNDO_FOR.seconds // 60} 分钟内回复「{says.undo(rows[0].id)}」" if staff else ""
    )
    return f"{said.format(named=_named(rows))}。{left}{undo}"


@dataclass(frozen=True, slots=True)
class PlainAct:
    """An act that takes nothing but alerts and a note. ``act``: of `batches`; ``allowed``: how the alerts may stand; ``told``: what it
    would do, ``done``: what it did, each around ``{named}``."""

    act: str
    allowed: tuple[AlertStatus, ...]
    told: str
    done: str

    def check(self, given: NotedAlerts, person: Person | None) -> ValidatedAction:
        """To which of them it can be done. Raises NotFound, Conflict."""
        found, left = _chosen(given, *self.allowed)
        summary = f"{self.told.format(named=_named(found))}{_noted(given.note)}"
        return _planned(given, found, left, summary, note=given.note)

    def carry_out(self, given: NotedAlerts, actor: Actor) -> str:
        """Done for a confirmed proposal."""
        return _carry_out(given, TriageAct(self.act, given.note), actor, self.done)


ACKNOWLEDGE: Final = PlainAct(
    "acknowledge",
    (AlertStatus.OPEN,),
    "确认{named}",
    f"已确认{{named}}，状态：{STATUS[AlertStatus.ACKNOWLEDGED]}",
)
UNASSIGN: Final = PlainAct("unassign", _GOING_ON, "取消{named}的指派", "已取消{named}的指派")
REOPEN: Final = PlainAct(
    "reopen", (AlertStatus.CLOSED, AlertStatus.ACKNOWLEDGED), f"重新打开{{named}}：恢复为「{STATUS[AlertStatus.OPEN]}」，去掉结论",
    f"已把{{named}}恢复为「{STATUS[AlertStatus.OPEN]}」",
)  # fmt: skip


def check_comment(given: CommentAlert, person: Person | None) -> ValidatedAction:
    """A closed alert takes notes, too."""
    found, left = _chosen(given, *AlertStatus)
    return _planned(
        given, found, left, f"给{_named(found)}写备注：{plain(given.note, _NOTE)}", note=given.note
    )


def comment(given: CommentAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    rows = [triage.comment(pk, actor, given.note) for pk in numbers(given.alert_id, given.alert_ids)]
    return f"已给{_named(rows)}写备注。"


def check_assign(given: AssignAlert, person: Person | None) -> ValidatedAction:
    """The colleague must be one person of the staff."""
    staff = colleague(given.assignee, person)

    def idle(row: AlertSummary) -> str:
        own = (
            row.status == AlertStatus.OPEN and person is not None and staff.staff_id == person.staff_id
        )  # taken up by it
        there = row.assignee_id == staff.pk and not (own or given.note)
        return f"告警 {row.id} 的处理人已经是 {plain(staff.name, 40)}，不用再指派" if there else ""

    found, left = _chosen(given, *_GOING_ON, idle=idle)
    summary = f"把{_named(found)}指派给 {plain(staff.name, 40)}{_noted(given.note)}"
    return _planned(given, found, left, summary, assignee=staff.staff_id, note=given.note)


def assign(given: AssignAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    staff = colleague(given.assignee, actor)
    act = TriageAct("assign", given.note, person=staff)
    return _carry_out(given, act, actor, f"已把{{named}}指派给 {plain(staff.name, 40)}")


def check_close(given: CloseAlert, person: Person | None) -> ValidatedAction:
    """A verdict comes from a person, so a missing one is asked for."""
    found, left = _chosen(given, *_GOING_ON)
    if given.verdict is None:
        ids = [each.id for each in found]
        told = (
            says.closings(ids[0]) if len(ids) == 1 else [says.close_all(ids, each) for each in says.VERDICTS]
        )
        lines = "".join(f"「{line}」" for line in told)
        raise InvalidInput(f"关闭告警要写明结论：请发送{lines}之一。{_UNTOUCHED}")
    summary = f"关闭{_named(found)}，结论：{VERDICT[given.verdict]}{_noted(given.note)}{_of_cases(found, given.verdict)}"
    return _planned(given, found, left, summary, verdict=given.verdict, note=given.note)


def _of_cases(found: Sequence[AlertSummary], verdict: str) -> str:
    """Which of several are of open cases, and the line that leaves those out; "" for none."""
    of_cases = batches.in_open_cases([each.id for each in found]) if len(found) > 1 else {}
    named = {pk for pks in of_cases.values() for pk in pks}
    rest = [each.id for each in found if each.id not in named]
    if not of_cases:
        return ""
    line = says.close_all(rest, verdict) if len(rest) > 1 else says.close(rest[0], verdict) if rest else ""
    return f"；其中属于进行中的事件的：{batches.told_of_cases(of_cases)}，事件仍然开着" + (
        f"；不关它们请发送「{line}」" if line else ""
    )


def close(given: CloseAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    verdict = given.verdict or ""
    act = TriageAct("close", given.note, verdict)
    return _carry_out(given, act, actor, f"已关闭{{named}}，结论：{VERDICT.get(verdict, '')}")


def check_severity(given: SetSeverity, person: Person | None) -> ValidatedAction:
    """A level comes from a person, so a missing one is asked for."""
    found, left = _chosen(given, *_GOING_ON)
    if given.severity is None:
        lines = "".join(f"「{says.set_severity(found[0].id, level)}」" for level in SEVERITY)
        raise InvalidInput(f"要写明改成哪个级别：请发送{lines}之一。{_UNTOUCHED}")
    if all(each.severity == given.severity for each in found):
        raise Conflict(f"{_named(found).strip()}的级别已经是「{SEVERITY[given.severity]}」。{_UNTOUCHED}")
    was = "、".join(dict.fromkeys(SEVERITY[each.severity] for each in found))
    summary = f"把{_named(found)}的级别从{was}改为{SEVERITY[given.severity]}{_noted(given.note)}；处理时限跟着改，来源重复上报不会改回"
    return _planned(given, found, left, summary, severity=given.severity, note=given.note)


def set_severity(given: SetSeverity, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    level = given.severity or ""
    act = TriageAct("severity", given.note, severity=level)
    return _carry_out(given, act, actor, f"已把{{named}}的级别改为{SEVERITY.get(level, '')}")


_PROPOSES: Final = "可以几条一起。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。"


def _tool(name: str, title: str, told: str, *what: Any) -> ToolDefinition:
    return action(name, title, f"{told}{_PROPOSES}", "write", *what)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    _tool("acknowledge_alert", "确认告警", "确认未处理的告警：提问者来处理它。", NotedAlerts, ACKNOWLEDGE.check, ACKNOWLEDGE.carry_out),
    _tool("assign_alert", "指派告警", "把告警指派给一位同事。", AssignAlert, check_assign, assign),
    _tool("unassign_alert", "取消指派", "取消告警的处理人。", NotedAlerts, UNASSIGN.check, UNASSIGN.carry_out),
    _tool("close_alert", "关闭告警", "关闭告警并给出结论；结论由提问者说出。", CloseAlert, check_close, close),
    _tool("reopen_alert", "重新打开告警", "撤回结论或确认，告警回到未处理。", NotedAlerts, REOPEN.check, REOPEN.carry_out),
    _tool("comment_alert", "写告警备注", "在告警的变更历史里写备注，不改变状态。", CommentAlert, check_comment, comment),
    _tool("set_severity", "改告警级别", "改告警的级别；级别由提问者说出。", SetSeverity, check_severity, set_severity),
)  # fmt: skip
