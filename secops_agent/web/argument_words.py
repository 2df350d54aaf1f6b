"""Arguments of a proposal as people read them: named, in words, alerts and cases as links to their pages."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.html import format_html_join

from secops_agent.models import CaseStatus, choices
from secops_agent.services import links
from secops_agent.services.clock import span_told

NAMES: Final = {
    "ip": "地址", "duration_minutes": "时长", "reason": "理由", "asset": "资产", "asset_id": "资产编号",
    "addresses": "资产的地址", "alert_id": "告警", "verdict": "结论", "note": "备注", "assignee": "处理人",
    "action_id": "处置动作", "targets": "对象", "case_id": "事件", "actions": "处置动作", "service": "服务", "tool": "工具", "minutes": "时长", "scope": "范围",
    "alert_ids": "告警", "alerts": "告警", "severity": "级别", "title": "标题", "owner": "负责人", "into_id": "并入的事件",
    "with_alerts": "告警一起关闭", "status": "状态", "text": "内容", "due": "期限", "task": "任务", "again": "恢复为未完成",
    "findings": "发现", "environment": "环境", "importance": "资产重要性", "exposed": "只要可能对外的", "overdue": "只要已超时的",
    "due_within": "几天内到期", "count": "条数", "decision": "决定", "until": "到", "justification": "不受影响的理由",
    "start": "开始", "silence_id": "静默", "colleague": "和谁换", "when": "哪天", "schedule": "值班表", "cron": "什么时候",
    "schedule_id": "定时任务", "watch_id": "盯着", "to": "发给谁", "report": "报告", "target": "对象", "until_hours": "多少小时",
    "also_to": "也发给", "at": "什么时候", "clock": "几点", "later_minutes": "晚多少分钟", "what": "哪个定时任务", "date": "哪天的",
    "file": "附文件", "case": "事件", "rule": "规则", "watched": "盯着什么", "watch_ids": "盯着", "schedule_ids": "定时任务",
    "person": "值班的人", "relieved": "换下的人", "both": "对调", "part": "哪一班",
}  # fmt: skip
WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "verdict": dict(choices.Verdict.choices), "severity": dict(choices.Severity.choices), "status": dict(CaseStatus.choices),
    "importance": dict(choices.Importance.choices), "decision": dict(choices.FindingDecision.choices),
    "justification": dict(choices.VexJustification.choices),
}  # fmt: skip
_RECORDS: Final = {
    "case_id": "case", "case": "case", "into_id": "case", "alert_id": "alert", "alert_ids": "alert", "alerts": "alert",
}  # fmt: skip


def values_told(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, value) of each that was given."""
    for name, value in arguments.items():
        if value is None:
            continue
        if isinstance(value, dict):
            yield from values_told(value)
        else:
            yield NAMES.get(name, name), _value(name, value) or "—"


def _value(name: str, value: Any) -> str:
    """As people read it; of alerts and cases their pages."""
    given = [str(each) for each in value] if isinstance(value, list) else str(value).split(",")
    if value and (kind := _RECORDS.get(name)) and all(map(str.isdecimal, given)):
        pages = [(links.record(kind, int(each)), links.lettered(kind, int(each))) for each in given]
        return format_html_join("、", '<a class="bf-link" href="{}">{}</a>', pages)
    if isinstance(value, list):
        return "、".join(given)
    if isinstance(value, bool):
        return "是" if value else "否"
    if NAMES.get(name) == "时长" and isinstance(value, int):
        return span_told(value)
    return str(WORDS.get(name, {}).get(value, value))
