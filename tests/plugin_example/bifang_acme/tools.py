"""Tools acme_reputation, which reads, and acme_quarantine, which another person approves and a connector carries out."""

from bifang.core.errors import InvalidInput
from bifang.core.extensions import Extension
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import ASKS, Asker, ToolDefinition, ValidatedAction, action, reading

_KNOWN = {"203.0.113.9": "僵尸网络的控制端"}


class Reputation(Arguments):
    """Arguments of acme_reputation."""

    ip: str = argument("要查的 IP", max_length=60)


class Quarantine(Arguments):
    """Arguments of acme_quarantine."""

    file: str = argument("要隔离的文件的 SHA-256", max_length=64)


def look_up(asker: Asker, given: Reputation) -> ToolResult:
    """What Acme knows of an address."""
    told = _KNOWN.get(given.ip)
    text = f"Acme 信誉库：{given.ip} 是{told}。" if told else f"Acme 信誉库里没有 {given.ip}。"
    return ToolResult("ok" if told else "no_data", f"IP={given.ip}", text, {"known": bool(told)})


def check(given: Quarantine, person: Person | None) -> ValidatedAction:
    """A whole hash."""
    if len(given.file) != 64:
        raise InvalidInput("请写完整的 SHA-256。没有执行任何操作。")
    return ValidatedAction(given.model_dump(), f"隔离文件 {given.file[:12]}…")


def _of(tool: ToolDefinition) -> Extension[ToolDefinition]:
    return Extension(tool.name, tool.title, tool, versions=">=0.1,<0.2")


REPUTATION = _of(
    reading("acme_reputation", "查 Acme 信誉", "查一个 IP 在 Acme 信誉库里的名声。", Reputation, look_up)
)
QUARANTINE = _of(
    action(
        "acme_quarantine", "隔离文件", f"申请由 Acme EDR 隔离一个文件。{ASKS}", "dangerous", Quarantine, check
    )
)
