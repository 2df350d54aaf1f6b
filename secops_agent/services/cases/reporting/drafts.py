"""Drafts of reports from a case: what is known, what was done, what is missing. Without accounts and addresses of people."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from secops_agent.models import BlockRecord, BlockState, GradingQuestion
from secops_agent.models.alerting.reporting import IncidentLevel, ReportStage
from secops_agent.models.choices import Severity, Verdict
from secops_agent.services.cases import timeline
from secops_agent.services.cases.reporting.clock import OFFICIAL, ReportingView
from secops_agent.services.cases.views import CaseDetail
from secops_agent.services.clock import exact

UNKNOWN = "【待补充】"
_STANDING = (BlockState.ACTIVE, BlockState.LIFTING)
_MOST = 20


def draft(detail: CaseDetail, stage: str, view: ReportingView, questions: Sequence[GradingQuestion]) -> str:
    """The text of a report for a person to complete, with all ``questions``, also those that are not asked any more; a
    supplement tells what came after the last one."""
    since = max((each.at for each in view.entries), default=None) if stage == ReportStage.SUPPLEMENT else None
    parts = [
        f"网络安全事件{ReportStage(stage).label}（草稿，{OFFICIAL}）",
        f"报送：{view.duty.body}　依据：{view.duty.article}",
        "一、基本情况", *_facts(detail, view, questions),
        "二、已采取的措施", *(_done(detail, since) or [UNKNOWN]),
        *_closing(detail, view, stage),
        "尚不清楚、需要补充的", *missing(detail, view, stage, questions),
    ]  # fmt: skip
    return "\n".join(parts)


def _facts(detail: CaseDetail, view: ReportingView, questions: Sequence[GradingQuestion]) -> Iterator[str]:
    case = detail.summary
    first = min((each.first_seen for each in detail.alerts), default=None)
    yield f"事件：{case.title}（{case.code}），内部级别 {Severity(case.severity).label if case.severity else UNKNOWN}"
    yield f"发现时间：{exact(view.found_at)}；最早的告警：{exact(first) if first else '没有'}"
    yield f"初判等级：{IncidentLevel(view.level).label}"
    for each in questions:
        if str(each.pk) in view.answers:
            yield f"{each.text}：{_answer(each, view.answers[str(each.pk)])}"
    names = "、".join(each.name for each in detail.assets[:_MOST])
    yield f"涉及资产 {len(detail.assets)} 个：{names or UNKNOWN}"
    yield f"告警 {case.alerts} 条，未关闭 {case.open_alerts} 条；攻击技术：{'、'.join(detail.techniques[:_MOST]) or UNKNOWN}"
    yield f"经过：{detail.text or UNKNOWN}"


def _answer(question: GradingQuestion, given: int | None) -> str:
    if given is None:
        return UNKNOWN
    return f"{given:,} {question.unit}" if question.unit else "是" if given else "否"


def _done(detail: CaseDetail, since: datetime | None) -> list[str]:
    """What people did, and what was blocked for it, the oldest first."""
    rows = BlockRecord.objects.filter(case_id=detail.summary.id, state__in=_STANDING).order_by("pk")
    told = [
        f"{exact(row.since)} {row.action.title}：{row.target}"
        for row in rows.select_related("action")[:_MOST]
    ]
    notes = [
        each
        for each in timeline.moments(detail)
        if each.kind == "note" and (since is None or each.at > since)
    ]
    return told + [f"{exact(each.at)} {each.text}" for each in reversed(notes[:_MOST])]


def _closing(detail: CaseDetail, view: ReportingView, stage: str) -> list[str]:
    if stage != ReportStage.CLOSING:
        return []
    case = detail.summary
    verdict = Verdict(case.verdict).label if case.verdict else UNKNOWN
    ended = exact(view.handled_at) if view.handled_at else UNKNOWN
    earlier = [
        f"{exact(each.at)} {each.reported_by} 向{each.body}作{ReportStage(each.stage).label}"
        for each in view.entries
    ]
    return [
        "三、处置结果", f"处置结束：{ended}；结论：{verdict}", *earlier, f"原因分析：{UNKNOWN}", f"损失和影响：{UNKNOWN}",
        f"整改措施：{UNKNOWN}", f"责任认定：{UNKNOWN}",
    ]  # fmt: skip


def missing(
    detail: CaseDetail, view: ReportingView, stage: str, questions: Sequence[GradingQuestion]
) -> list[str]:
    """What a report should say and the case does not."""
    unanswered = [each.text for each in questions if each.enabled and view.answers.get(str(each.pk)) is None]
    wanted = {
        "单位名称、系统名称、联系人和电话": True, "事件经过（事件的小结是空的）": not detail.text, "涉及的系统和资产": not detail.assets,
        "攻击方式（告警里没有技术编号）": not detail.techniques, "结论": stage == ReportStage.CLOSING and not detail.summary.verdict,
        "初步原因、影响范围和损失": stage != ReportStage.CLOSING,
    }  # fmt: skip
    return [
        f"- {each}" for each in (*(name for name, is_missing in wanted.items() if is_missing), *unanswered)
    ]
