"""watch: new alerts of an asset, a tag, a source or a rule are told where it was asked for, for a while."""

import ipaddress
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.clock import minutes_told
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.notifications import watches
from secops_agent.services.notifications.coverage import WORDS, known_value
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.incidents.silences import SCOPES
from secops_agent.tools.markdown import moment

_SHAPE: Final = "盯着什么：资产的名称，一个 IP，或 标签:名称、来源:名称、规则:名称"

_SCOPES: Final = {**SCOPES, "地址": "address"}


class Watch(Arguments):
    """Arguments of watch."""

    target: str = argument(_SHAPE, max_length=300)
    until_hours: int = argument("盯多少小时，默认 24，最多 720（30 天）", default=24, minimum=1, maximum=720)


def read_target(text: str) -> tuple[str, str]:
    """("asset", "web-01"), ("address", "203.0.113.5"). Raises InvalidInput, NotFound that names what is like it."""
    word, colon, value = text.partition(":") if ":" in text else text.partition("：")
    scope = _SCOPES.get(word.strip(), word.strip())
    if colon and scope in watches.SCOPES and scope != "address":
        return scope, known_value(scope, value)
    address = _address(value if scope == "address" else text)
    if address and (scope == "address" or inventory.find(address).asset is None):
        return "address", address
    return "asset", known_value("asset", text)


def _address(text: str) -> str:
    """As alerts name it; "" for what is none."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def check(given: Watch, person: Person | None) -> ValidatedAction:
    """Says what it would tell, where, and for how long."""
    scope, value = read_target(given.target)
    summary = (
        f"盯着{WORDS[scope]} {plain(value, 100)} {minutes_told(given.until_hours * 60)}："
        "有新的、升级的、重新打开的告警就发到这个会话，短时间很多时合成一条，到时间自己结束。"
    )
    return ValidatedAction({"target": f"{scope}:{value}", "until_hours": given.until_hours}, summary)


def watch(given: Watch, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: told where it was proposed."""
    owner = staff_of(actor)
    config = SystemConfig.objects.filter(pk=origin.config_id).first()
    if owner is None or config is None:
        raise InvalidInput("只有登记的人员可以在会话里这样设置：请在「通知规则」页面设置。")
    scope, value = read_target(given.target)
    group = origin.conversation_id if origin.is_group else ""
    row = watches.begin(scope, value, given.until_hours, owner, config, group, actor)
    return (
        f"开始盯着 {plain(value, 100)}，到 {moment(row.ends_at)}。不需要时发送「{says.end_watch(row.pk)}」。"
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "watch", "盯着", "一段时间内，某台资产（或标签、来源、规则、地址）有新告警就告诉提问者，发到这个会话。只提出，由提问者本人确认后才生效。仅在提问者明确要求时调用。",
        "write", Watch, check, act_there=watch,
    ),
)  # fmt: skip
