"""Offers: an action that was probably meant, as a question and the canonical command that orders it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from secops_agent.llm.types import Offer

from .intents import Intent

# The verbs of the verdicts as commands: 误报 A12.
VERDICT_VERBS = {
    "false_positive": "误报",
    "true_positive": "真实攻击",
    "benign": "正常业务",
    "duplicate": "重复",
}
_ID = re.compile(r"[A-Z0-9-]{1,20}")
_UNITS = ((1440, "天"), (60, "小时"), (1, "分钟"))


def make_offer(intent: Intent, when: str = "") -> Offer:
    """The offer of an action; ``when`` is how the time of a schedule was said."""
    said: dict[str, Any] = {**intent.arguments, "when": when}
    question, verb, objects, label = _KINDS[intent.tool](said)
    note = str(said.get("note") or said.get("reason") or "")
    command = " ".join((verb, *objects)) + (f" {label}：{note}" if note else "")
    linkable = not note and all(_ID.fullmatch(word) for word in objects)
    links = (verb, objects) if linkable else ("", ())
    asked = f"{question}（{label}：{note}）" if note else question
    return Offer(intent.tool, dict(intent.arguments), f"要{asked}吗？", command, *links)


def spell_minutes(minutes: int) -> str:
    """120 → 2小时; 0 is for ever."""
    if minutes == 0:
        return "永久"
    return next(f"{minutes // size}{unit}" for size, unit in _UNITS if minutes % size == 0)


Kind = tuple[str, str, tuple[str, ...], str]  # the question, the verb, its objects, what free text is called


def _acknowledge(said: Mapping[str, Any]) -> Kind:
    return f"接手告警 {said['alert_id']} ", "确认", (f"A{said['alert_id']}",), "备注"


def _assign(said: Mapping[str, Any]) -> Kind:
    number, name = said["alert_id"], str(said["assignee"])
    return f"把告警 {number} 指派给 {name} ", "指派", (f"A{number}", name), ""


def _close(said: Mapping[str, Any]) -> Kind:
    number, verb = said["alert_id"], VERDICT_VERBS.get(str(said.get("verdict")), "")
    verdict = f"（{verb}）" if verb else " "
    return f"关闭告警 {number}{verdict}", verb or "关闭", (f"A{number}",), "备注"


def _block(said: Mapping[str, Any]) -> Kind:
    length = (spell_minutes(said["duration_minutes"]),) if "duration_minutes" in said else ()
    return " ".join((f"封禁 {said['ip']}", *length, "")), "封禁", (str(said["ip"]), *length), "原因"


def _isolate(said: Mapping[str, Any]) -> Kind:
    return f"隔离 {said['asset']} ", "隔离", (str(said["asset"]),), "原因"


def _delete(said: Mapping[str, Any]) -> Kind:
    return f"删除定时任务 {said['schedule_id']} ", "删除定时任务", (str(said["schedule_id"]),), ""


def _create(said: Mapping[str, Any]) -> Kind:
    return (
        f"新建定时任务（{said['when']}：{said['task']}）",
        "新建定时任务",
        (f"{said['when']}，{said['task']}",),
        "",
    )


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Kind]] = {
    "acknowledge_alert": _acknowledge,
    "assign_alert": _assign,
    "close_alert": _close,
    "block_ip": _block,
    "isolate_host": _isolate,
    "delete_schedule": _delete,
    "create_schedule": _create,
}
