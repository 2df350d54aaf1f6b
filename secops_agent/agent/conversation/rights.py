"""Answers about rights (谁能做什么), from the asker's real role and the people who could approve."""

from collections.abc import Mapping
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.understanding.verbs import LIMITS
from secops_agent.models.choices import Severity
from secops_agent.models.people.staff import Role
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person
from secops_agent.services.sla import SlaLimits
from secops_agent.tools.definitions import ToolDefinition
from secops_agent.tools.registry import BY_NAME, DEFINITIONS

_EXAMPLES: Final[Mapping[str, Suggestion]] = {
    "block_ip": says.block(says.IP, 24 * 60), "isolate_host": says.isolate(says.HOST), "unblock_ip": says.unblock(says.IP),
    "release_host": says.release(says.HOST), "close_alert": says.close(says.NUMBER, "false_positive"),
    "acknowledge_alert": says.acknowledge(says.NUMBER), "assign_alert": says.assign(says.NUMBER, says.PERSON),
    "silence_alerts": says.silence(says.NUMBER), "delete_schedule": says.delete_task(says.NUMBER),
}  # fmt: skip
_MOST: Final = 5


def tell(person: Person, tool: str) -> str:
    """What this action needs and whether the asker has it; "" for all actions; of LIMITS what is set. On a database thread."""
    if tool == LIMITS:
        return _limits()
    if tool:
        return _one(person, BY_NAME[tool])
    lines = [f"- {each.title}：{_needs(person, each)}" for each in DEFINITIONS if each.name in _EXAMPLES]
    return "\n".join([f"您的角色是「{person.role.label}」。", "", *lines, "", _approvers(person)])


def _limits() -> str:
    """Within what time alerts and findings of each severity must be dealt with."""
    limits, lines = SlaLimits(), []
    for severity in Severity:
        hours, days = limits.of(severity)
        alert = f"{hours} 小时内处理完" if hours else "不限"
        lines.append(f"- {severity.label}：告警 {alert}，漏洞 {f'{days} 天内修复' if days else '不限'}")
    return "\n".join(["**规定的处理时限**", "", *lines])


def _one(person: Person, definition: ToolDefinition) -> str:
    how = f"发送「{_EXAMPLES[definition.name]}」" if definition.name in _EXAMPLES else "直接说出来"
    parts = [f"**{definition.title}**：{_needs(person, definition)}。", f"怎么做：{how}。我不会自己执行。"]
    return "\n\n".join(filter(None, [*parts, _approvers(person) if definition.risk == "dangerous" else ""]))


def _needs(person: Person, definition: ToolDefinition) -> str:
    has = "您可以提出" if person.may(definition.role) else "您不能提出"
    then = "要另一位审批人同意才会执行" if definition.risk == "dangerous" else "由提出人本人确认后执行"
    return f"需要「{definition.role.label}」以上的角色（您是「{person.role.label}」，{has}），{then}"


def _approvers(person: Person) -> str:
    asker = eligibility.listed(person.corp_id, person.staff_id)
    others = (
        eligibility.approvers_beside(asker, person.corp_id)
        if asker
        else eligibility.able(Role.APPROVER)[:_MOST]
    )
    names = "、".join(each.name or each.staff_id for each in list(others)[:_MOST])
    return f"能审批的人：{names}。" if names else "现在没有别的人能审批。"
