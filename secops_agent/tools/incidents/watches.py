"""watch: new alerts of an asset, an address, a rule, a level, or of several of these together, are told for a while where it was asked for,
or to whom it names."""

import ipaddress
from typing import Any, Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import Asset
from secops_agent.models.choices import Severity
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.chats import name_of
from secops_agent.services.clock import minutes_told
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import watches
from secops_agent.services.notifications.coverage import WORDS, known_value
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person, person_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.incidents.silences import SCOPES
from secops_agent.tools.markdown import moment
from secops_agent.tools.operations.recipients import SHAPE, demand_readers, read_recipients

_SHAPE: Final = "盯着什么：资产的名称（几台用逗号分开，k8s-node* 是以它开头的几台），一个 IP，或 标签:名称、来源:名称；只按规则或级别盯时不填"
_SCOPES: Final = {**SCOPES, "地址": "address"}
_LEVELS: Final = {str(each): str(each.label) for each in Severity}
_NOTHING: Final = "没有盯着。"
_MOST: Final = 20  # assets whose names begin so
_ALERT: Final = "不能只盯一条告警的处理进展"


class Watch(Arguments):
    """Arguments of watch."""

    target: str = argument(_SHAPE, default="", max_length=300)
    severity: str = argument(
        "只要哪些级别的，用逗号分开：critical,high,medium,low,info", default="", max_length=60
    )
    rule: str = argument("只要哪条规则的告警，规则名称或其中的几个字", default="", max_length=200)
    until_hours: int = argument("盯多少小时，默认 24，最多 720（30 天）", default=24, minimum=1, maximum=720)
    to: str = argument(f"告诉谁，不填就是发到这个会话：{SHAPE}", default="", max_length=200)


def read_target(text: str) -> tuple[str, str]:
    """("asset", "web-01"), ("address", "203.0.113.5"). Raises InvalidInput, NotFound that names what is like it."""
    word, colon, value = text.partition(":") if ":" in text else text.partition("：")
    scope = _SCOPES.get(word.strip(), word.strip())
    if scope in ("alert", "case") or watches.is_alert(text):
        raise InvalidInput(
            f"{_ALERT}：可以盯它的资产或规则，例如「{says.watch('web-01')}」，有新告警、升级、重新打开都会说。{_NOTHING}"
        )
    if colon and scope in watches.SCOPES and scope != "address":
        return scope, known_value(scope, value)
    address = _address(value if scope == "address" else text)
    if address and (scope == "address" or inventory.find(address).asset is None):
        return "address", address
    return "asset", known_value("asset", text)


def _family(text: str) -> list[str]:
    """The assets whose names begin so: k8s-node*. Raises NotFound for none, InvalidInput for too many."""
    start = text.removeprefix("asset:").rstrip("*")
    rows = Asset.objects.filter(name__istartswith=start).order_by("name")
    names = list(rows.values_list("name", flat=True)[: _MOST + 1])
    if not names or not start:
        raise NotFound(f"没有名称以「{plain(start, 40)}」开头的资产。{_NOTHING}")
    if len(names) > _MOST:
        raise InvalidInput(f"名称以「{plain(start, 40)}」开头的资产超过 {_MOST} 台：请写得更具体。{_NOTHING}")
    return names


def _address(text: str) -> str:
    """As alerts name it; "" for what is none."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def read_conditions(given: Watch) -> dict[str, list[str]]:
    """What alerts have to be, by the scopes of watches. Raises InvalidInput, NotFound."""
    found: dict[str, list[str]] = {}
    for one in filter(None, (part.strip() for part in given.target.replace("，", ",").split(","))):
        named = [("asset", name) for name in _family(one)] if one.endswith("*") else [read_target(one)]
        for scope, value in named:
            found.setdefault(scope, []).append(value)
    if given.rule:
        found["rule"] = watches.rules_like(given.rule)
    levels = [one.strip() for one in given.severity.split(",") if one.strip()]
    if unknown := [one for one in levels if one not in _LEVELS]:
        raise InvalidInput(f"没有级别「{unknown[0][:20]}」：可以是 {'、'.join(_LEVELS)}。{_NOTHING}")
    if levels:
        found["severity"] = levels
    if not found:
        raise InvalidInput(f"请写明盯着什么：资产、地址、规则或级别。{_NOTHING}")
    return found


def _told(found: dict[str, list[str]]) -> str:
    """资产 db-01、db-02，规则 SSH 暴力破解，只要严重、高危."""
    parts = [
        f"{WORDS[scope]} {'、'.join(plain(one, 60) for one in values)}"
        for scope, values in found.items()
        if scope != "severity"
    ]
    levels = "、".join(_LEVELS[one] for one in found.get("severity", ()))
    only = f"{'只要' if parts else '全部资产上'}{levels}的" if levels else ""
    return "，".join(filter(None, [*parts, only]))


def check(given: Watch, person: Person | None) -> ValidatedAction:
    """Says what it would tell, where, and for how long."""
    found = read_conditions(given)
    place, keys = "这个会话", ""
    if given.to and person:
        people = read_recipients(given.to, person, _NOTHING)
        demand_readers(people, _NOTHING)
        place, keys = "、".join(one.named for one in people), ",".join(one.key for one in people)
    summary = (
        f"盯着{_told(found)} {minutes_told(given.until_hours * 60)}："
        f"有新的、升级的、重新打开的告警就发到{place}，短时间很多时合成一条，到时间自己结束。"
    )
    stored: dict[str, Any] = {"severity": ",".join(found.pop("severity", [])), "rule": given.rule, "to": keys}
    found.pop("rule" if given.rule else "", None)
    stored["target"] = ",".join(f"{scope}:{value}" for scope, values in found.items() for value in values)
    kept = {name: value for name, value in stored.items() if value}
    return ValidatedAction({**kept, "until_hours": given.until_hours}, summary)


def watch(given: Watch, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: told where it was proposed, or to whom it names."""
    owner = staff_of(actor)
    config = SystemConfig.objects.filter(pk=origin.config_id).first()
    if owner is None or config is None:
        raise InvalidInput("只有登记的人员可以在会话里这样设置：请在「通知规则」页面设置。")
    found = read_conditions(given)
    places = _places(given, owner.corp_id or actor.named[0], owner, config)
    group = origin.conversation_id if origin.is_group else ""
    row = watches.begin(found, _told(found), given.until_hours, owner, config, group, actor, places)
    return f"开始盯着 {_told(found)}，到 {moment(row.ends_at)}。不需要时发送「{says.end_watch(row.pk)}」。"


def _places(given: Watch, corp_id: str, owner: Any, config: SystemConfig) -> list[dict[str, Any]]:
    """Whom it names, as a file writes targets; none for where it was asked for."""
    if not given.to:
        return []
    found = read_recipients(given.to, person_of(owner, corp_id), _NOTHING)
    return [{**one.entry, "config": name_of(one.group.config if one.group else config)} for one in found]


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "watch", "盯着", "一段时间内，某台资产（或标签、来源、地址）、某条规则、某些级别，或它们合在一起的新告警，有了就告诉提问者，或告诉值班人和别人。只提出，由提问者本人确认后才生效。仅在提问者明确要求时调用。",
        "write", Watch, check, act_there=watch,
    ),
)  # fmt: skip
