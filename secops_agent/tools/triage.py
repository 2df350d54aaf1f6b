"""Working on alerts: acknowledge_alert, assign_alert, close_alert. They propose; a person's confirmation does it."""

from typing import Any, Final, Literal

from bifang.channels.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.views import AlertSummary
from secops_agent.services.faults import Conflict
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.filters import colleague
from secops_agent.tools.markdown import STATUS, VERDICT

_NOTE: Final = 500


class AcknowledgeAlert(Arguments):
    """Arguments of acknowledge_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)
    note: str = argument("备注", default="", max_length=_NOTE)


class AssignAlert(Arguments):
    """Arguments of assign_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)
    assignee: str = argument("交给谁：姓名或员工 ID；「我」表示提问者", max_length=100)


class CloseAlert(Arguments):
    """Arguments of close_alert."""

    alert_id: int = argument("告警编号", minimum=1, maximum=2**62)
    verdict: Literal["true_positive", "false_positive", "benign", "duplicate"] | None = argument(
        "结论，必须由提问者明确说出，不要替他判断", labels=VERDICT, default=None
    )
    note: str = argument("备注", default="", max_length=_NOTE)


def _named(alert: AlertSummary) -> str:
    return f"告警 #{alert.id}「{plain(alert.title, 80)}」"


def _noted(note: str) -> str:
    return f"，备注：{plain(note, _NOTE)}" if note else ""


def _alert(alert_id: int, *allowed: AlertStatus) -> AlertSummary:
    """The alert in a state in which this can be done. Raises NotFound, Conflict."""
    alert = triage.get(alert_id).summary
    if alert.status not in allowed:
        raise Conflict(f"告警 {alert_id} 现在是「{STATUS[alert.status]}」，不能这样做。")
    return alert


def _kept(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def check_acknowledge(given: AcknowledgeAlert, person: Person | None) -> ValidatedAction:
    """Only an open alert can be taken on."""
    alert = _alert(given.alert_id, AlertStatus.OPEN)
    arguments = _kept(alert_id=given.alert_id, note=given.note)
    return ValidatedAction(arguments, f"接手{_named(alert)}{_noted(given.note)}")


def acknowledge(given: AcknowledgeAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    alert = triage.acknowledge(given.alert_id, actor, given.note)
    return f"已接手{_named(alert)}，状态：{STATUS[alert.status]}。"


def check_assign(given: AssignAlert, person: Person | None) -> ValidatedAction:
    """The colleague must be one person of the staff."""
    alert = _alert(given.alert_id, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
    staff = colleague(given.assignee, person)
    arguments = {"alert_id": given.alert_id, "assignee": staff.staff_id}
    return ValidatedAction(arguments, f"把{_named(alert)}指派给 {plain(staff.name, 40)}")


def assign(given: AssignAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    alert = triage.assign(given.alert_id, given.assignee, actor)
    return f"已把{_named(alert)}指派给 {plain(alert.assignee, 40)}。"


def check_close(given: CloseAlert, person: Person | None) -> ValidatedAction:
    """A verdict comes from a person, so a missing one is asked for."""
    alert = _alert(given.alert_id, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
    if given.verdict is None:
        known = "、".join(VERDICT.values())
        raise InvalidInput(
            f"关闭告警要写明结论（{known}），例如「关闭告警 {given.alert_id} 误报」。没有执行任何操作。"
        )
    arguments = _kept(alert_id=given.alert_id, verdict=given.verdict, note=given.note)
    return ValidatedAction(
        arguments, f"关闭{_named(alert)}，结论：{VERDICT[given.verdict]}{_noted(given.note)}"
    )


def close(given: CloseAlert, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    alert = triage.close(given.alert_id, given.verdict or "", actor, given.note)
    return f"已关闭{_named(alert)}，结论：{VERDICT[alert.verdict]}。"


_PROPOSES: Final = "只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。"
TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "acknowledge_alert",
        "接手告警",
        f"接手（确认）一条未处理的告警。{_PROPOSES}",
        "write",
        AcknowledgeAlert,
        check_acknowledge,
        acknowledge,
    ),
    action(
        "assign_alert",
        "指派告警",
        f"把一条告警指派给一位同事。{_PROPOSES}",
        "write",
        AssignAlert,
        check_assign,
        assign,
    ),
    action(
        "close_alert",
        "关闭告警",
        f"关闭一条告警并给出结论；结论由提问者说出。{_PROPOSES}",
        "write",
        CloseAlert,
        check_close,
        close,
    ),
)
