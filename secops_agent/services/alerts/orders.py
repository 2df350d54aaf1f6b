"""Orders about alerts: sentences and buttons that are carried out at once, by the sender's own right, and recorded.

An alert's code stands for the group that its message tells of, as it does for a silence.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import Q, QuerySet

from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from bifang.channels.text.verbs import Verb as ChatVerb
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent import says
from secops_agent.models import Alert, AlertMessageItem, Burst, Role, Silence, Staff
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, triage
from secops_agent.services.alerts.batches import Doer, OneAct
from secops_agent.services.audit.history import ACTIONS
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.clock import clock
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.coverage import told_anyway
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person
from secops_agent.services.switches import refuse_when_read_only

# What each order about an alert does, in the caller's transaction, and how that is said.

NAMED: Final = "{named}"  # in what an act says: the alert goes here
NEARLY: Final = 0.9  # a silence that lasts this part of the time wanted is not made again


class AlreadySo(InvalidInput):
    """It is so already."""


def _acknowledge(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.status == AlertStatus.ACKNOWLEDGED:
        raise AlreadySo(f"{name_of(alert)}已在处理中{whose(alert)}，没有重复操作。")
    triage.acknowledge(alert.pk, actor)
    return "已确认 {named}" + ("，由其处理" if alert.assignee is None else whose(alert))


def _take(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.assignee == staff:
        raise AlreadySo(f"{name_of(alert)}已经指派给您，没有重复操作。")
    triage.assign(alert.pk, staff, actor)
    return "接过了 {named}" + (f"（原来由 {plain(alert.assignee.name, 20)} 处理）" if alert.assignee else "")


def _close(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    if alert.status == AlertStatus.CLOSED and alert.verdict == Verdict.FALSE_POSITIVE:
        raise AlreadySo(f"{name_of(alert)}已按误报关闭，没有重复操作。")
    _demand_not_closed(alert)
    triage.close(alert.pk, Verdict.FALSE_POSITIVE, actor)
    return "已关闭 {named}，结论：误报"


def _silence(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    length, now = timedelta(minutes=minutes), database_now()
    found = _silences_of(alert).filter(ends_at__gte=now + length * NEARLY).order_by("-ends_at").first()
    if found is not None:
        raise AlreadySo(f"{name_of(alert)}已静默到 {clock(found.ends_at)}（{found.made_by}），没有重复操作。")
    row = silences.silence("alert", str(alert.pk), minutes, actor)
    return f"已静默 {{named}} 到 {clock(row.ends_at)}，期间的消息只计数，不发送{told_anyway(row.worst)}"


def _end_silence(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    found = list(_silences_of(alert))
    if not found:
        raise AlreadySo(f"{name_of(alert)}现在没有静默。")
    for row in found:
        silences.end(row.pk, actor)
    return "已取消 {named} 的静默"


def _reopen(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    if alert.status == AlertStatus.OPEN:
        raise AlreadySo(f"{name_of(alert)}本来就是「{AlertStatus.OPEN.label}」。")
    triage.reopen(alert.pk, actor)
    return f"已把 {{named}} 恢复为「{AlertStatus.OPEN.label}」"


def _hand_back(alert: Alert, minutes: int, staff: Staff, actor: Actor) -> str:
    _demand_not_closed(alert)
    if alert.assignee is None:
        raise AlreadySo(f"{name_of(alert)}没有指派给任何人。")
    triage.unassign(alert.pk, actor)
    return "已取消 {named} 的指派"


def _silences_of(alert: Alert) -> "QuerySet[Silence]":
    now = database_now()
    return Silence.objects.filter(scope="alert", value=str(alert.pk), starts_at__lte=now, ends_at__gt=now)


def _demand_not_closed(alert: Alert) -> None:
    if alert.status == AlertStatus.CLOSED:
        verdict = f"（{alert.get_verdict_display()}）" if alert.verdict else ""
        raise Conflict(
            f"{name_of(alert)}已关闭{verdict}，没有执行任何操作。要继续处理，请先回复「{says.reopen(alert.pk)}」。"
        )


def name_of(alert: Alert) -> str:
    """A12「web-01 …」."""
    return f"A{alert.pk}「{plain(alert.title, 60)}」"


def whose(alert: Alert) -> str:
    """（李四）; "" for nobody's."""
    return f"（{plain(alert.assignee.name, 20)}）" if alert.assignee else ""


Verb = Literal[
    "acknowledge", "take", "false_positive", "silence", "reopen", "hand_back", "end_silence", "undo"
]
_NOTHING: Final = f"没有可以撤销的操作：只能撤销自己在聊天里 {batches.UNDO_FOR.seconds // 60} 分钟内做的，没有执行任何操作。"
NEEDED: Final = Role.ANALYST
MOST: Final = 200  # alerts of one order, each in a transaction of its own: some seconds while somebody waits


@dataclass(frozen=True, slots=True)
class AlertOrder:
    """What is to be done; ``minutes`` of a silence. 0 as ``alert_id``: what the person did last, only to undo it."""

    verb: Verb
    alert_id: int
    minutes: int = 0

    @property
    def code(self) -> str:
        """A12; "" for what the person did last."""
        return says.code(self.alert_id) if self.alert_id else ""

    @property
    def line(self) -> Suggestion:
        """The sentence that orders it."""
        return KINDS[self.verb].line(self)


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


@dataclass(frozen=True, slots=True)
class OrderKind:
    """What can be ordered: the ``word`` that begins it, the ``line`` that orders it, and ``do``, which does it to an alert.

    ``did``: how what was done is told, when it is undone. ``undo``: the sentence that takes it back, if there is one.
    ``others``: which of the alert's group it is done to as well; without, only to the alert that is named.
    """

    word: str
    line: Callable[[AlertOrder], Suggestion]
    do: Callable[[Alert, int, Staff, Actor], str] | None = None
    did: str = ""
    undo: Callable[[int], Suggestion] | None = says.undo
    others: Callable[[Alert, Staff], Q] | None = None


_GOING_ON: Final = ~Q(status=AlertStatus.CLOSED)
KINDS: Final[Mapping[Verb, OrderKind]] = {
    "acknowledge": OrderKind(
        ChatVerb.ACKNOWLEDGE, lambda order: says.acknowledge(order.alert_id), _acknowledge, ACTIONS["acknowledge"],
        others=lambda alert, staff: Q(status=AlertStatus.OPEN),
    ),
    "take": OrderKind(
        ChatVerb.TAKE, lambda order: says.take(order.alert_id), _take, "指派给自己",
        others=lambda alert, staff: _GOING_ON & ~Q(assignee=staff),
    ),
    "false_positive": OrderKind(
        ChatVerb.FALSE_POSITIVE, lambda order: says.close(order.alert_id, "false_positive"), _close, f"按误报{ACTIONS['close']}",
        others=lambda alert, staff: _GOING_ON,
    ),
    "silence": OrderKind(
        ChatVerb.SILENCE, lambda order: says.silence(order.alert_id, order.minutes), _silence, undo=says.end_silence,
    ),
    "reopen": OrderKind(
        ChatVerb.REOPEN, lambda order: says.reopen(order.alert_id), _reopen, ACTIONS["reopen"],
        others=lambda alert, staff: Q(status=alert.status, verdict=alert.verdict),  # those that stand as it does
    ),
    "hand_back": OrderKind(
        ChatVerb.HAND_BACK, lambda order: says.hand_back(order.alert_id), _hand_back, ACTIONS["unassign"],
        others=lambda alert, staff: _GOING_ON & Q(assignee=alert.assignee_id),
    ),
    "end_silence": OrderKind(
        ChatVerb.END_SILENCE, lambda order: says.end_silence(order.alert_id), _end_silence, undo=None,
    ),
    "undo": OrderKind(ChatVerb.UNDO, lambda order: says.undo(order.alert_id), undo=None),
}  # fmt: skip
WORDS: Final[Mapping[Verb, str]] = {verb: kind.word for verb, kind in KINDS.items()}


def carry_out(order: AlertOrder, orderer: Orderer) -> OrderOutcome:
    """Do it. Safe to repeat; never raises BifangError. On a database thread."""
    if order.verb == "undo":
        return _undo(order, orderer)
    try:
        named, others = _begin(order, orderer)
    except BifangError as error:
        return _refuse(order, orderer, error.message)
    changed = OneAct()
    try:
        first = _attempt(order, named.pk, orderer, changed)
        attempts = [_attempt(order, pk, orderer, changed) for pk in others[:MOST]]
    finally:  # what was done can be undone, whatever happened then
        _keep(order, changed.done, orderer)
    done = [said for said in attempts if isinstance(said, str)]
    if isinstance(first, str) or done:
        return OrderOutcome("done", _told(order, named, first, done, len(others) - MOST))
    if isinstance(first, AlreadySo):
        return OrderOutcome("repeated", first.message)
    return _refuse(order, orderer, first.message)


def _keep(order: AlertOrder, changed: dict[int, Any], orderer: Orderer) -> None:
    if changed and (staff := eligibility.listed(orderer.person.corp_id, orderer.person.staff_id)):
        actor = Actor.person(staff, orderer.via)
        batches.keep(f"已{KINDS[order.verb].did}", changed, Doer(staff_id=staff.pk), actor)


def _undo(order: AlertOrder, orderer: Orderer) -> OrderOutcome:
    """Everything as it was before what this person did last, or last to the group that this alert stands for."""
    group = _group(order.alert_id) if order.alert_id else ()
    try:
        staff = _demand_right(order, orderer)
        doer, actor = Doer(staff_id=staff.pk), Actor.person(staff, orderer.via)
        last = batches.last_of(doer, group)
        if not last:
            raise NotFound(_NOTHING)
        outcomes = [batches.undo(batch.pk, actor, doer) for batch in last]
        done = [pk for outcome in outcomes for pk in outcome.done]
        refused = sum((Counter(outcome.refused) for outcome in outcomes), Counter[str]())
        if not done:
            raise Conflict("；".join(refused))
    except BifangError as error:
        return _refuse(order, orderer, error.message)
    rows = Alert.objects.select_related("assignee", "case__owner").in_bulk(done)
    named = rows.get(order.alert_id) or rows[min(rows)]
    together = f"（同组的另外 {len(rows) - 1} 条一起）" if len(rows) > 1 else ""
    left = "".join(f"\n\n{number} 条没有撤销：{reason}" for reason, number in refused.items())
    stands = f"{named.get_status_display()}{whose(named)}"
    act = plain(batches.told(last).removeprefix("已"), 60)
    text = (
        f"**{plain(staff.name, 20)}** 撤销了「{act}」：{name_of(named)}恢复为「{stands}」{together}。{left}"
    )
    return OrderOutcome("done", text)


def _begin(order: AlertOrder, orderer: Orderer) -> tuple[Alert, list[int]]:
    """The named alert, and the others of its group that the order is about. Raises BifangError."""
    staff = _demand_right(order, orderer)
    alert = Alert.objects.filter(pk=order.alert_id).first()
    if alert is None:
        raise NotFound(f"没有编号为 {order.code} 的告警。")
    return alert, _others(order, alert, staff)


def _attempt(order: AlertOrder, alert_id: int, orderer: Orderer, changed: OneAct) -> str | BifangError:
    """One alert, in a transaction of its own together with the right to it: who did what, or why not. ``changed`` gets
    its columns before and after."""
    try:
        with transaction.atomic():
            staff = _demand_right(order, orderer)
            alert = Alert.objects.select_related("assignee", "case__owner").filter(pk=alert_id).first()
            act, actor = KINDS[order.verb].do, Actor.person(staff, orderer.via)
            if alert is None or act is None:  # what has none is an undoing, which does not come here
                raise NotFound(f"没有编号为 A{alert_id} 的告警。")
            said, states = batches.step(alert.pk, lambda: act(alert, order.minutes, staff, actor))
    except BifangError as error:
        return error
    if states[0] != states[1]:
        changed.add(alert_id, states)
    return f"**{plain(staff.name, 20)}** {said}"


def _demand_right(order: AlertOrder, orderer: Orderer) -> Staff:
    """Who does it: of this corporation, listed, an analyst. Raises InvalidInput, ReadOnly."""
    person = orderer.person
    home = eligibility.corporation_of(orderer.config_id)
    if home and person.corp_id != home:
        raise InvalidInput("您不属于这个机器人所在的企业，没有执行任何操作。")
    staff = eligibility.listed(person.corp_id, person.staff_id)
    if staff is None or not eligibility.able(NEEDED).filter(pk=staff.pk).exists():
        role = Role(staff.role) if staff else person.role
        raise InvalidInput(
            f"「{WORDS[order.verb]}」需要「{NEEDED.label}」角色，您现在的角色是「{role.label}」，没有执行任何操作。"
            "需要的话请联系管理员调整角色。"
        )
    refuse_when_read_only()
    return staff


def _others(order: AlertOrder, alert: Alert, staff: Staff) -> list[int]:
    """The others of the group whose message is named after this alert, as far as there is something to do."""
    concerned = KINDS[order.verb].others
    if concerned is None:
        return []  # a silence of the named one covers its message
    rows = Alert.objects.filter(concerned(alert, staff), pk__in=_group(alert.pk)).exclude(pk=alert.pk)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _group(alert_id: int) -> set[int]:
    """The alert, and the others of the messages that are named after it."""
    named = AlertMessageItem.objects.filter(
        message__kind="group", message__burst__in=(Burst.NONE, Burst.RULE)
    )
    mine = named.filter(alert_id=alert_id).values("message_id")
    first: dict[int, int] = {}
    group = {alert_id}
    items = AlertMessageItem.objects.filter(message_id__in=mine).order_by("message_id", "pk")
    for message_id, other in items.values_list("message_id", "alert_id"):
        if first.setdefault(message_id, other) == alert_id:
            group.add(other)
    return group


def _told(order: AlertOrder, named: Alert, first: str | BifangError, done: list[str], rest: int) -> str:
    if isinstance(first, str):
        together = f"（同组的另外 {len(done)} 条一起）" if done else ""
        text = first.replace(NAMED, name_of(named)) + together
    else:
        text = done[0].replace(NAMED, f"{name_of(named)}同组的 {len(done)} 条")
    left = f"\n\n同组还有 {rest} 条没有处理，再说一次会继续。" if rest > 0 else ""
    undo = KINDS[order.verb].undo
    how = f"\n\n撤销：回复「{undo(order.alert_id)}」" if undo else ""
    return f"{text}。{left}{how}"


def _refuse(order: AlertOrder, orderer: Orderer, text: str) -> OrderOutcome:
    place = Place(orderer.config_id, orderer.conversation_id, orderer.inbox_id)
    actor = Actor.person(orderer.person, orderer.via)
    what = f"{WORDS[order.verb]}告警未被接受"
    append([entry(AuditKind.ACTION, what, actor, place=place, subject=f"alert:{order.alert_id}", text=text)])
    return OrderOutcome("refused", text)
