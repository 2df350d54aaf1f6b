"""Buttons of an alert's card: 确认, 指派给我, 误报, 静默1小时 are orders; 查看 tells the clicker alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from django.utils import timezone

from bifang.channels.ports import Reply, ReplyTarget, Turn, TurnResult
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.agent.acting.controls import Click
from secops_agent.agent.conversation.records import brief
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models.people.staff import Role
from secops_agent.services.alerts import orders
from secops_agent.services.alerts.orders import AlertOrder, Orderer, Verb
from secops_agent.services.notifications.delivery.notices import AlertNotice, notice_of
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person, identify
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker
from secops_agent.tools.registry import BY_NAME

_ORDERS: Final[dict[str, Verb]] = {
    "acknowledge": "acknowledge", "take": "take", "false_positive": "false_positive", "silence": "silence",
}  # fmt: skip
_CODE: Final = re.compile(r"A([1-9]\d{0,17})")
_TOLD_BY: Final = re.compile(r"note:alert:(\d{1,18}):\d+")
_SILENT_FOR: Final = 60  # minutes
NOT_SENT: Final = "点的不是发在这里的卡片，已忽略"


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a press came to; ``notice``: how the card stands now. Refused: ``text`` is for the clicker alone."""

    status: Literal["done", "repeated", "refused"]
    text: str
    notice: AlertNotice | None = None


def press(click: Click, told_by: str) -> Pressed | None:
    """Carry an order out; None if the button is none. ``told_by``: the key of the message that the card shows.

    On a database thread; safe to repeat.
    """
    verb, code = _ORDERS.get(str(click.params.get("verdict"))), str(click.params.get("code"))
    match = _CODE.fullmatch(code)
    if verb is None or match is None:
        return None
    notice = _notice(click, told_by)
    order = AlertOrder(verb, int(match[1]), _SILENT_FOR if verb == "silence" else 0)
    if notice is None or notice.code != code:
        return Pressed("refused", f"这张卡片已经失效，没有执行任何操作。请直接回复「{order.line}」。")
    outcome = orders.carry_out(order, Orderer(_person(click), click.config_id, via="card"))
    return Pressed(outcome.status, outcome.text, _notice(click, told_by))


def _notice(click: Click, told_by: str) -> AlertNotice | None:
    match = _TOLD_BY.fullmatch(told_by)
    return notice_of(int(match[1]), click.config_id, _person(click).role) if match else None


def _person(click: Click) -> Person:
    """The clicker, with the role that people who are not listed have."""
    params = SystemConfig.objects.filter(pk=click.config_id).values_list("params", flat=True).first() or {}
    default = str(params.get("default_role") or Role.NONE)
    return identify(click.corp_id, click.staff_id, click.staff_id, default)


def is_look(params: object) -> bool:
    """Is the button 查看?"""
    return isinstance(params, Mapping) and params.get("verdict") == "view"


def look_up(click: Click, turn: Turn, told_by: str) -> TurnResult:
    """The alert, told to the clicker in private; ``told_by`` as of `press`. On a database thread."""
    match, notice = _CODE.fullmatch(str(click.params.get("code"))), _notice(click, told_by)
    if match is None or notice is None or notice.code != match.group():
        return TurnResult(note=NOT_SENT)
    person = _person(click)
    home = eligibility.corporation_of(click.config_id)
    if home and person.corp_id != home:
        return TurnResult(note="外部人员，已忽略")
    text = _detail(person, int(match[1]))
    target = ReplyTarget("", is_group=False, staff_id=click.staff_id)
    return TurnResult(
        (Reply(text, title=str(says.show(match[1])), target=target),), brief(turn, person, text)
    )


def _detail(person: Person, alert_id: int) -> str:
    tool = BY_NAME["get_alert"]
    if not person.may(tool.role):
        return f"「查看」需要「{tool.role.label}」角色，您现在的角色是「{person.role.label}」。请联系管理员调整角色。"
    now = timezone.localtime()
    return tool.run(Asker(person, False, now, REFUSING), parse(tool.arguments, {"alert_id": alert_id})).text
