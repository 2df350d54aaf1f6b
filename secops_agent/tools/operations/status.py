"""service_status: how Bifang itself is doing."""

from typing import Final

from bifang.channels.text.markup import plain
from secops_agent.config import MODEL_KINDS
from secops_agent.models.people.staff import Role
from secops_agent.services.operations.destinations import LEAVES, ModelStanding, read_models
from secops_agent.services.operations.health import Health, read_health
from secops_agent.services.people.staff import named_corporations, only_corporation
from secops_agent.services.schedules.feeds import FeedStatus
from secops_agent.syslog.standing import SyslogStanding, read_standing
from secops_agent.tools.base import NoArguments, ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import ago, moment

_SOURCES: Final = 10


def service_status(asker: Asker, given: NoArguments) -> ToolResult:
    """Workers, queues, configurations with errors, and how fresh the data is."""
    health, syslog = read_health(asker.now), read_standing()
    data = {"workers": health.workers, "waiting": health.waiting, "dead": health.dead}
    return ToolResult("ok", "毕方的运行状态", _told(health, syslog, asker), data)


def _told(health: Health, syslog: SyslogStanding, asker: Asker) -> str:
    heading = "**毕方运行正常**" if health.sound and syslog.sound else "**毕方有需要处理的问题**"
    facts = [
        ("工作进程", f"{health.workers} 个在线" if health.workers else "没有在线的（消息不会被处理）"),
        ("没有运行", "、".join(health.missing)),
        ("消息", f"{health.waiting} 条等待或处理中，{health.dead} 条处理失败"),
        ("回复", f"{health.sending} 条待发送，{health.unsent} 条无法送达"),
        (
            "告警数据",
            f"更新于 {ago(health.newest_alert, asker.now)}" if health.newest_alert else "还没有告警",
        ),
        (
            "漏洞数据",
            f"更新于 {moment(health.newest_vulnerability)}" if health.newest_vulnerability else "还没有",
        ),
        ("资产", f"{health.assets} 台"),
        ("Syslog", _syslog(syslog)),
        ("漏洞情报", "；".join(_feed(each, asker) for each in health.feeds)),
    ]
    lines = [heading, "", *(f"- {name}：{value}" for name, value in facts if value)]
    lines += [_model(each, asker) for each in read_models()] or ["- 模型：没有配置，由离线模式回答"]
    lines += [
        f"- 配置「{plain(fault.name, 40)}」：{plain(fault.error, 160)}"
        for fault in health.faults
        if fault.kind not in MODEL_KINDS and fault.corp_id in ("", asker.person.corp_id)
    ]
    lines += [f"- 进程：{each}" for each in health.stuck]
    lines += _sources(health, asker)
    if health.late:
        lines.append(f"- 保留期：{'、'.join(health.late)}到期没有清除，请检查后台任务进程")
    return "\n".join(lines)


def _sources(health: Health, asker: Asker) -> list[str]:
    """Their names are for whom 「数据源」 is for, where all of them are of one corporation; for others how many there are."""
    others = named_corporations() - {asker.person.corp_id or only_corporation()}
    whole = asker.person.may(Role.ANALYST) and not others
    shown = health.sources[:_SOURCES] if whole else ()
    lines = [f"- 数据源「{plain(each.name, 40)}」{plain(each.error, 160)}" for each in shown]
    rest = len(health.sources) - len(shown)
    more = f"- {'另有 ' if shown else ''}{rest} 个数据源不正常，有「分析」角色的在「数据源」里看是哪些"
    return lines + [more] * bool(rest)


def _model(standing: ModelStanding, asker: Asker) -> str:
    """Addresses are for administrators, in their own chat."""
    whole = asker.person.may(Role.ADMIN) and not asker.is_group
    host = f"（{plain(standing.place.host, 100)}）" if whole else ""
    told = f"- 模型「{plain(standing.name, 40)}」：{plain(standing.model, 100) or '还没有选择'}，{LEAVES[standing.place.leaves]}{host}"
    if not standing.error or standing.error_at is None:
        return told
    why = f"：{plain(standing.error, 200)}" if whole else "，原因见「系统配置」"
    return f"{told}；最近错误（{moment(standing.error_at)}）{why}"


def _syslog(standing: SyslogStanding) -> str:
    if not standing.sources:
        return ""
    if not standing.listeners:
        return "有启用的来源，但没有接收进程，请启动 listen_syslog"
    dropped = f"；近一小时丢弃过：{plain('、'.join(standing.dropping[:5]), 200)}" if standing.dropping else ""
    return f"{standing.sources} 个来源，每分钟 {standing.per_minute} 行{dropped}"


def _feed(status: FeedStatus, asker: Asker) -> str:
    age = f"确认于 {ago(status.checked_at, asker.now)}" if status.checked_at else "还没有获取"
    fault = f"（最近一次失败：{plain(status.error, 160)}）" if status.error else ""
    return f"{status.title} {age}{fault}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "service_status",
        "查看运行状态",
        "毕方自己的运行状态：工作进程、消息和回复的积压、模型和配置错误、不正常的数据源、数据更新时间。",
        NoArguments,
        service_status,
        slow=True,  # looks names up
    ),
)
