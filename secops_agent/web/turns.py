"""A conversation as a page shows it: questions with their answers, tool calls, proposals and failures.

All of it is read from the inbox, the outbox and the audit trail as they are.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bifang.channels.addressees import names_of
from bifang.channels.admin.explanations import Explanation, explain
from bifang.channels.models import InboxRow, OutboxRow, State
from secops_agent.models import AuditKind, AuditRecord, Proposal, TurnUsage
from secops_agent.models.proposal import ProposalState
from secops_agent.services.operations.usage import MICRO
from secops_agent.web.approval_views import TONES
from secops_agent.web.chat_markup import as_html

STATUSES: Final = {
    "ok": ("成功", "ok"), "no_data": ("没有数据", "idle"), "error": ("失败", "bad"), "needs_confirmation": ("等待本人确认", "info"),
    "needs_approval": ("等待他人审批", "warn"),
}  # fmt: skip
STOPS: Final = {
    "error": "模型出错", "content_filter": "被模型服务的内容审核拦截", "steps": "达到步数上限", "calls": "达到工具调用上限",
    "tokens": "达到用量上限", "seconds": "达到时间上限", "repeats": "重复调用，已停止",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolStep:
    """A call of a tool, folded on the page. ``executed``: its arguments were accepted."""

    name: str
    status: str
    tone: str
    seconds: float
    query: str
    arguments: str
    executed: bool


@dataclass(frozen=True, slots=True)
class ReplyBubble:
    """An answer. ``state``: how its delivery stands, None once it arrived."""

    html: SafeString
    state: Explanation | None
    at: Any


@dataclass(frozen=True, slots=True)
class ProposalNote:
    """What was proposed; ``pk`` None for those who may not see it."""

    code: str
    title: str
    state: str
    tone: str
    pk: int | None


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A question and what came of it. ``told``: how many messages went to others, as to an approver."""

    row: InboxRow
    speaker: str
    quoted: str
    state: Explanation | None
    model: str
    fallback: str
    stopped: str
    tools: tuple[ToolStep, ...]
    replies: tuple[ReplyBubble, ...]
    proposals: tuple[ProposalNote, ...]
    told: int
    cost: float | None


def turns_of(request: HttpRequest, rows: Sequence[InboxRow]) -> list[ChatTurn]:
    """`rows` in their order, with what belongs to them; seven queries, however many they are."""
    ids = [row.pk for row in rows]
    records: Mapping[int, list[AuditRecord]] = _by_message(
        AuditRecord.objects.filter(inbox_id__in=ids).order_by("pk")
    )
    sent: Mapping[int, list[OutboxRow]] = _by_message(
        OutboxRow.objects.filter(inbox_id__in=ids)
        .select_related("config")
        .defer("webhook", "buttons")
        .order_by("pk")
    )
    proposals = _proposals(request, [each for found in records.values() for each in found])
    costs = _costs(rows)
    names = names_of({(row.config_id, row.sender_id) for row in rows})
    return [
        _turn(
            row, records.get(row.pk, []), sent.get(row.pk, []), proposals, costs.get(row.pk),
            names.get((row.config_id, row.sender_id), ""),
        )
        for row in rows
    ]  # fmt: skip


def _by_message(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.inbox_id].append(row)
    return found


def _costs(rows: Sequence[InboxRow]) -> dict[int, float]:
    if not rows:
        return {}
    ids = [row.pk for row in rows]
    spent = TurnUsage.objects.filter(at__gte=rows[0].received_at, inbox_id__in=ids).order_by()
    sums = spent.values_list("inbox_id").annotate(Sum("cost"))
    return {inbox_id: cost / MICRO for inbox_id, cost in sums if inbox_id is not None and cost}


def _proposals(request: HttpRequest, records: Sequence[AuditRecord]) -> dict[str, ProposalNote]:
    codes = {code for record in records if (code := _code(record))}
    if not codes:
        return {}
    may_see = request.user.has_perm("secops_agent.view_proposal")
    return {
        row.code: ProposalNote(
            row.code, row.title, str(ProposalState(row.state).label), TONES[ProposalState(row.state)],
            row.pk if may_see else None,
        )
        for row in Proposal.objects.filter(code__in=codes)
    }  # fmt: skip


def _code(record: AuditRecord) -> str:
    kind, _, code = record.subject.partition(":")
    return code if kind == "proposal" else ""


def _turn(
    row: InboxRow,
    records: Sequence[AuditRecord],
    sent: Sequence[OutboxRow],
    proposals: Mapping[str, ProposalNote],
    cost: float | None,
    name: str,
) -> ChatTurn:
    here = [each for each in sent if _is_here(row, each)]
    decided: dict[str, Any] = next((each.detail for each in records if each.kind == AuditKind.DECISION), {})
    codes = dict.fromkeys(code for each in records if (code := _code(each)) in proposals)
    fine = row.state == State.DONE and not row.last_error
    return ChatTurn(
        row=row,
        speaker=name or str(row.payload.get("nick") or row.sender_id or "不知道是谁"),
        quoted=str(row.payload.get("quoted") or ""),
        state=None if fine else explain(row),
        model=str(decided.get("model") or ""),
        fallback=str(decided.get("fallback") or ""),
        stopped=STOPS.get(str(decided.get("stopped_by") or ""), ""),
        tools=tuple(_tool(each) for each in records if each.kind == AuditKind.TOOL),
        replies=tuple(_replies(here, records)),
        proposals=tuple(proposals[code] for code in codes),
        told=len(sent) - len(here),
        cost=cost,
    )


def _is_here(row: InboxRow, reply: OutboxRow) -> bool:
    """Did it go back to where the question came from, not to somebody else?"""
    target = reply.target or {}
    return bool(
        target.get("conversation_id") == row.conversation_id
        and (target.get("is_group") or target.get("staff_id", "") == (row.target or {}).get("staff_id", ""))
    )


def _replies(sent: Sequence[OutboxRow], records: Sequence[AuditRecord]) -> Iterable[ReplyBubble]:
    """As they were delivered; from the audit trail where the outbox no longer has them."""
    for each in sent:
        state = None if each.state == State.DONE else explain(each)
        yield ReplyBubble(as_html(each.text, taps=False), state, each.sent_at or each.created_at)
    if not sent:
        for record in records:
            if record.kind == AuditKind.REPLY and record.text.strip():
                yield ReplyBubble(as_html(record.text, taps=False), None, record.at)


def _tool(record: AuditRecord) -> ToolStep:
    detail = record.detail
    status, tone = STATUSES.get(str(detail.get("status")), (str(detail.get("status") or ""), "idle"))
    given = detail.get("arguments")
    if isinstance(given, dict):
        given = {name: value for name, value in given.items() if value not in (None, "", [])}
        given = json.dumps(given, ensure_ascii=False, indent=2)
    return ToolStep(
        record.what.removeprefix("调用 "), status, tone, float(detail.get("seconds") or 0),
        str(detail.get("query") or ""), str(given or ""), bool(detail.get("executed", True)),
    )  # fmt: skip
