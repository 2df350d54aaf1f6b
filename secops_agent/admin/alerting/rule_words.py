"""A notification rule in words: what the list shows, and what the form says while it is filled in."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import QueryDict

from bifang.core.errors import BifangError
from secops_agent.models import NotificationRule, NotificationTarget
from secops_agent.models.choices import Importance, Severity
from secops_agent.services.notifications import targets
from secops_agent.services.notifications.conditions import CHANGES
from secops_agent.services.notifications.preview import preview_of
from secops_agent.services.notifications.rules import Rule, RuleEntry, read_rule

ALL: Final = "所有告警"
UNNAMED: Final = "还没有名称的规则"
WORDS: Final = {
    "sources": "来源",
    "rules": "规则",
    "asset_tags": "标签",
    "assets": "资产",
    "importance": "重要性",
    "owners": "负责人",
    "addresses": "地址",
}


def conditions_line(given: Mapping[str, Any]) -> str:
    """严重、高危；来源 waf；新告警."""
    levels = "、".join(str(Severity(each).label) for each in given.get("severities") or ())
    happens = "、".join(CHANGES[each] for each in given.get("on") or ())
    named = {**given, "importance": [Importance(each).label for each in given.get("importance") or ()]}
    rest = [f"{word} {'、'.join(map(str, named[name]))}" for name, word in WORDS.items() if named.get(name)]
    return "；".join(part for part in (levels, *rest, happens) if part) or ALL


def told_of(form: Any, given: QueryDict, rule: NotificationRule | None) -> dict[str, Any]:
    """``{known, text}`` of a form that nobody has saved; of what it lacks, the first thing."""
    data = given.copy()
    data.pop("enabled", None)  # a rule that is switched off need not be complete
    data["name"] = data.get("name") or UNNAMED
    filled = form(data, instance=rule)
    if not filled.is_valid():
        name, texts = next(iter(filled.errors.items()))
        label = filled.fields[name].label if name in filled.fields else ""
        return {"known": False, "text": f"{label}：{texts[0]}" if label else str(texts[0])}
    try:
        entry, rows = read_rule(filled.given())
    except BifangError as error:
        return {"known": False, "text": error.message}
    return {"known": True, "text": "\n".join(_lines(entry, rows))}


def _lines(entry: RuleEntry, rows: list[NotificationTarget]) -> list[str]:
    """What it is about, whom it tells, who comes next, how often; what is doubtful."""
    about = conditions_line(entry.conditions.model_dump())
    first = [each for each in rows if each.step is None]
    told = "、".join(map(targets.place_of, first)) or "还没有选发给谁"
    after, chain = 0, []
    for step, one in enumerate(entry.escalate):
        after += one.after_minutes
        who = "、".join(targets.place_of(each) for each in rows if each.step == step) or "所有管理员"
        chain.append(f"{after} 分钟没有人处理 → {who}")
    steps = tuple(one.after_minutes for one in entry.escalate)
    rule = Rule(0, entry.name, entry.conditions, entry.hours, tuple(first), steps, entry.group)
    return [
        f"{about} → {told}", *chain, f"{entry.group}", f"{preview_of(rule)}。",
        *filter(None, map(targets.doubt, rows)),
    ]  # fmt: skip
