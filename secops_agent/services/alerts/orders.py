"""What one person orders about an alert in so many words, or by a button: done at once, by their own right, on record.

An alert's code stands for the group that its message tells of, as it does for a silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from django.db import transaction
from django.db.models import Q, QuerySet

from bifang.channels.markup import plain
from bifang.core.db import database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Alert, AlertMessageItem, Role, Silence, Staff
from secops_agent.models.audit import AuditKind
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.notifications import silences, wording
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person
from secops_agent.services.switches import refuse_when_read_only

Verb = Literal["acknowledge", "take", "false_positive", "silence", "reopen", "hand_back", "end_silence"]
WORDS: Final[Mapping[Verb, str]] = {
    "acknowledge": "确认", "take": "指派给我", "false_positive": "误报", "silence": "静默", "reopen": "重新打开",
    "hand_back": "取消指派", "end_silence": "取消静默",
}  # fmt: skip
UNDONE_BY: Final[Mapping[Verb, Verb]] = {
    "acknowledge": "reopen", "false_positive": "reopen", "take": "hand_back", "silence": "end_silence",
}  # fmt: skip
NAMED: Final = "{named}"  # in what an act says: the alert goes here
MOST: Final = 20  # alerts of one order: it is carried out while somebody waits
NEARLY: Final = 0.9  # a silence that lasts this part of the time wanted is not made again


@dataclass(frozen=True, slots=True)
class AlertOrder:
    """What is to be done; ``minutes`` of a silence."""

    verb: Verb
    alert_id: int
    minutes: int = 0

    @property
    def code(self) -> str:
        """A12."""
        return f"A{self.alert_id}"


@dataclass(frozen=True, slots=True)
class Orderer:
    """Who orders it, where, through which door. The role is read from the database, not from here."""

    person: Person
    config_id: int
    via: str
    conversation_id: str = ""
    inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """ "done" now, "repeated": it was so already; "refused": nothing was done. ``text`` is for people."""

    status: Literal["done", "repeated", "refused"]
    text: str


class _Already(InvalidInput):
    """It is so already."""


def carry_out(order: AlertOrder, orderer: Orderer) -> OrderOutcome:
    """Do it. Safe to repeat; never raises BifangError. On a database thread."""
    try:
        named, others = _begin(order, orderer)
    except BifangError as error:
        return _refuse(order, orderer, error.message)
    first = _attempt(order, named.pk, orderer)
    done = [said for pk in others[:MOST] if isinstance(said := _attempt(order, pk, orderer), str)]
    if isinstance(first, str) or done:
        return OrderOutcome("done", _told(order, named, first, done, len(others) - MOST))
    if isinstance(first, _Already):
        return OrderOutcome("repeated", first.message)
    return _refuse(order, orderer, first.message)


def _begin(order: AlertOrder, orderer: Orderer) -> tuple[Alert, list[int]]:
    """The named alert, and the others of its group that the order is about. Raises BifangError."""
    staff = _demand_right(order, orderer)
    alert = Alert.objects.filter(pk=order.alert_id).first()
    if alert is None:
        raise NotFound(f"没有编号为 {order.code} 的告警。")
    return alert, _others(order, alert, staff)


def _attempt(order: AlertOrder, alert_id: int, orderer: Orderer) -> str | BifangError:
    """One alert, in a transaction of its own together with the right to it: who did what, or why not."""
    try:
        with transaction.atomic():
            staff = _demand_right(order, orderer)
            alert = Alert.objects.select_related("assignee").filter(pk=alert_id).first()
            if alert is None:
                raise NotFound(f"没有编号为 A{alert_id} 的告警。")
            said = _ACTS[order.verb](alert, order, staff, Actor.person(staff, orderer.via))
    except BifangError as error:
        return error
    return f"**{plain(staff.name, 20)}** {said}"


def _demand_right(order: AlertOrder, orderer: Orderer) -> Staff:
    """Who does it: of this corporation, listed, an analyst. Raises InvalidInput, ReadOnly."""
    person, needed = orderer.person, Role.ANALYST
    home = eligibility.corporation_of(orderer.config_id)
    if home and person.corp_id != home:
        raise InvalidInput("您不属于这个机器人所在的企业，没有执行任何操作。")
    staff = eligibility.listed(person.corp_id, person.staff_id)
    if staff is None or not eligibility.able(needed).filter(pk=staff.pk).exists():
        role = Role(staff.role) if staff else person.role
        raise InvalidInput(
            f"「{WORDS[order.verb]}」需要「{needed.label}」角色，您现在的角色是「{role.label}」，没有执行任何操作。"
            "需要的话请联系管理员调整角色。"
        )
    refuse_when_read_only()
    return staff


def _others(order: AlertOrder, alert: Alert, staff: Staff) -> list[int]:
    """The others of the group whose message is named after this alert, as far as there is something to do."""
    if order.verb in ("silence", "end_silence"):
        return []  # a silence of the named one covers its message
    mine = AlertMessageItem.objects.filter(alert=alert, message__kind="group").values("message_id")
    first: dict[int, int] = {}
    others: dict[int, None] = {}
    items = AlertMessageItem.objects.filter(message_id__in=mine).order_by("message_id", "pk")
    for message_id, alert_id in items.values_list("message_id", "alert_id"):
        if first.setdefault(message_id, alert_id) == alert.pk and alert_id != alert.pk:
            others[alert_id] = None
    rows = Alert.objects.filter(_concerned(order, alert, staff), pk__in=others)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _concerned(order: AlertOrder, alert: Alert, staff: Staff) -> Q:
    """What is undone is undone for those that stand as the named one does."""
    going_on = ~Q(status=AlertStatus.CLOSED)
    match order.verb:
        case "acknowledge":
            return Q(status=AlertStatus.OPEN)
        case "take":
            return going_on & ~Q(assignee=staff)
        case "hand_back":
            return going_on & Q(assignee=alert.assignee_id)
        case "reopen":
            return Q(status=alert.status, verdict=alert.verdict)
    return going_on


def _acknowledge(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.status == AlertStatus.ACKNOWLEDGED:
        raise _Already(f"{_name(alert)}已在处理中{_whose(alert)}，没有重复操作。")
    triage.acknowledge(alert.pk, actor)
    return "已确认 {named}" + ("，由其处理" if alert.assignee is None else _whose(alert))


def _take(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.assignee == staff:
        raise _Already(f"{_name(alert)}已经指派给您，没有重复操作。")
    triage.assign(alert.pk, staff, actor)
    return "接过了 {named}" + (f"（原来由 {plain(alert.assignee.name, 20)} 处理）" if alert.assignee else "")


def _close(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    if alert.status == AlertStatus.CLOSED and alert.verdict == Verdict.FALSE_POSITIVE:
        raise _Already(f"{_name(alert)}已按误报关闭，没有重复操作。")
    _demand_not_closed(alert)
    triage.close(alert.pk, Verdict.FALSE_POSITIVE, actor)
    return "已关闭 {named}，结论：误报"


def _silence(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    length, now = timedelta(minutes=order.minutes), database_now()
    found = _silences_of(alert).filter(ends_at__gte=now + length * NEARLY).order_by("-ends_at").first()
    if found is not None:
        raise _Already(
            f"{_name(alert)}已静默到 {wording.clock(found.ends_at)}（{found.made_by}），没有重复操作。"
        )
    row = silences.silence("alert", str(alert.pk), order.minutes, actor)
    return f"已静默 {{named}} 到 {wording.clock(row.ends_at)}，期间的消息只计数，不发送"


def _end_silence(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    found = list(_silences_of(alert))
    if not found:
        raise _Already(f"{_name(alert)}现在没有静默。")
    for row in found:
        silences.end(row.pk, actor)
    return "已取消 {named} 的静默"


def _reopen(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    if alert.status == AlertStatus.OPEN:
        raise _Already(f"{_name(alert)}本来就是「{AlertStatus.OPEN.label}」。")
    triage.reopen(alert.pk, actor)
    return f"已把 {{named}} 恢复为「{AlertStatus.OPEN.label}」"


def _hand_back(alert: Alert, order: AlertOrder, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.assignee is None:
        raise _Already(f"{_name(alert)}没有指派给任何人。")
    triage.unassign(alert.pk, actor)
    return "已取消 {named} 的指派"


_Act = Callable[[Alert, AlertOrder, Staff, Actor], str]
_ACTS: Final[Mapping[Verb, _Act]] = {
    "acknowledge": _acknowledge, "take": _take, "false_positive": _close, "silence": _silence, "reopen": _reopen,
    "hand_back": _hand_back, "end_silence": _end_silence,
}  # fmt: skip


def _silences_of(alert: Alert) -> "QuerySet[Silence]":
    now = database_now()
    return Silence.objects.filter(scope="alert", value=str(alert.pk), starts_at__lte=now, ends_at__gt=now)


def _demand_not_closed(alert: Alert) -> None:
    if alert.status == AlertStatus.CLOSED:
        verdict = f"（{alert.get_verdict_display()}）" if alert.verdict else ""
        raise Conflict(
            f"{_name(alert)}已关闭{verdict}，没有执行任何操作。要继续处理，请先回复「重新打开 A{alert.pk}」。"
        )


def _name(alert: Alert) -> str:
    return f"A{alert.pk}「{plain(alert.title, 60)}」"


def _whose(alert: Alert) -> str:
    return f"（{plain(alert.assignee.name, 20)}）" if alert.assignee else ""


def _told(order: AlertOrder, named: Alert, first: str | BifangError, done: list[str], rest: int) -> str:
    if isinstance(first, str):
        together = f"（同组的另外 {len(done)} 条一起）" if done else ""
        text = first.replace(NAMED, _name(named)) + together
    else:
        text = done[0].replace(NAMED, f"{_name(named)}同组的 {len(done)} 条")
    left = f"\n\n同组还有 {rest} 条没有处理，再说一次会继续。" if rest > 0 else ""
    undo = UNDONE_BY.get(order.verb)
    how = f"\n\n撤销：回复「{WORDS[undo]} {order.code}」" if undo else ""
    return f"{text}。{left}{how}"


def _refuse(order: AlertOrder, orderer: Orderer, text: str) -> OrderOutcome:
    place = Place(orderer.config_id, orderer.conversation_id, orderer.inbox_id)
    actor = Actor.person(orderer.person, orderer.via)
    what = f"{WORDS[order.verb]}告警未被接受"
    append([entry(AuditKind.ACTION, what, actor, place=place, subject=f"alert:{order.alert_id}", text=text)])
    return OrderOutcome("refused", text)
