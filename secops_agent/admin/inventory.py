"""What the screens of the estate share: levels, history, who is at the keyboard."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, author_of, badge, moment
from secops_agent.models.choices import Importance, Severity
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.people import authority
from secops_agent.services.vulnerabilities.priority import rank

SEVERITY_TONES = {"critical": "bad", "high": "bad", "medium": "warn", "low": "info", "info": "idle"}
SHOWN = 50
DOORS = {
    "admin": "管理后台", "api": "API", "dingtalk": "钉钉", "dingtalk_http": "钉钉（HTTP）", "feishu": "飞书", "dingtalk_events": "钉钉事件", "feishu_events": "飞书事件", "card": "卡片", "agent": "智能体", "connector": "连接器",
    "apply_configs": "配置文件", "load_demo": "演示数据", "expiry": "到期", "exposed": "漏洞提醒", "retention": "保留期", "sweep": "清理",
    "program": "程序", "mcp": "MCP", "skills": "手册文件夹", "import_data": "命令行导入", "web": "网页聊天", "login": "登录", "intelligence": "情报比对",
}  # fmt: skip


def actor_of(request: HttpRequest) -> Actor:
    """The person at the keyboard: their Staff entry if they have one."""
    return authority.actor_of(author_of(request))


def door_word(via: str) -> str:
    """Through what something was done."""
    kind, _, rest = via.partition(":")  # import:grype
    behind = {"import": "导入", "feed": "情报更新", "stream": "消息流"}.get(kind, "")
    return f"{behind}：{rest}" if behind and rest else DOORS.get(via, via) or NOTHING


def severity_badge(value: str) -> SafeString | str:
    """A severity, coloured."""
    return badge(str(Severity(value).label), SEVERITY_TONES[value]) if value else NOTHING


def importance_badge(value: str) -> SafeString | str:
    """How much an asset matters, coloured."""
    return badge(str(Importance(value).label), SEVERITY_TONES[value]) if value else NOTHING


def gravity(column: str) -> Case:
    """Orders by severity or importance: the gravest is the greatest, nothing the least."""
    ranks = (When(**{column: value}, then=Value(rank(value))) for value in Severity.values)
    return Case(*ranks, default=Value(-1), output_field=IntegerField())


def lines(values: Iterable[Any]) -> SafeString | str:
    """One under the other."""
    return format_html_join("", "<div>{}</div>", ((value,) for value in values)) or NOTHING


def history_table(entity: str, pk: int) -> SafeString | str:
    """Who changed what, the newest first."""
    rows = (
        (
            moment(each.at),
            each.actor,
            history.ACTIONS.get(each.action, each.action),
            format_html_join("", "<div>{}：{} → {}</div>", history.worded(entity, each.changes)),
            each.note,
        )
        for each in history.entries(entity, pk, SHOWN)
    )
    body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
    if not body:
        return NOTHING
    head = "".join(f"<th>{name}</th>" for name in ("时间", "操作者", "动作", "变化", "备注"))
    return format_html('<table class="bf-table"><tr>{}</tr>{}</table>', SafeString(head), body)
