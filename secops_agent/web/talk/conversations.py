"""会话: what people asked the robot and what it answered, read like a chat."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from bifang.channels.addressees import groups_of, names_of
from bifang.channels.admin.explanations import Explanation, explain, raw
from bifang.channels.models import InboxRow, OutboxRow, State, nameless_group
from bifang.channels.rights import READ_TEXT
from secops_agent.models import AuditKind, AuditRecord, Proposal, Staff, TurnUsage
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.operations.usage import MICRO
from secops_agent.services.people.logins import accounts
from secops_agent.web.access import page
from secops_agent.web.approvals import TONES
from secops_agent.web.listing import number
from secops_agent.web.talk.chat_markup import as_html

# A conversation as a page shows it: questions with their answers, tool calls, proposals and failures.

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
    costs = _turns_costs(rows)
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


def _turns_costs(rows: Sequence[InboxRow]) -> dict[int, float]:
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


REACH: Final = 100_000  # of the newest rows: nothing looks further back at once
WINDOW: Final = 5_000  # messages that one list is made of
PER_PAGE: Final = 20
TURNS: Final = 20  # of one page of a conversation
LONGEST_SEARCH: Final = 100
Key = tuple[int, str]  # configuration, conversation


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """A conversation in the list, by its newest message. ``cost`` in yuan; None: nothing was spent."""

    row: InboxRow
    title: str
    place: str
    speaker: str
    messages: int
    model: str
    cost: float | None


@page()
def conversations(request: HttpRequest) -> HttpResponse:
    """The list. ``q``: words, a person, a group; ``before``: a message, for what is older than it."""
    words = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    before = request.GET.get("before", "")
    rows = _searched(_reach(visible(request), number(before) or None), words)
    found = list(rows.values_list("pk", "config_id", "conversation_id", "received_at")[:WINDOW])
    newest: dict[Key, int] = {}
    for pk, config_id, conversation_id, _ in found:
        newest.setdefault((config_id, conversation_id), pk)
    pages: Paginator[Any] = Paginator(list(newest.values()), PER_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "title": "会话",
        "q": words,
        "pages": shown,
        "lines": list(_lines(list(shown.object_list), found)),
        "reads_all": request.user.has_perm(READ_TEXT),
        "older": found[-1][0] if len(found) == WINDOW else None,
    }
    return render(request, "pages/conversations.html", context)


def visible(request: HttpRequest) -> Q:
    """What this person may read: everything with the permission, else what they said themselves.

    A staffId is somebody else in another corporation.
    """
    if request.user.has_perm(READ_TEXT):
        return Q()
    mine = Q(pk__in=())
    for account in accounts(request.user):
        if account.active:
            unknown = Q(payload__corp_id="") | Q(payload__corp_id=None) | Q(payload__corp_id__isnull=True)
            home = Q(payload__corp_id=account.corp_id) if account.corp_id else unknown
            mine |= Q(sender_id=account.staff_id) & home
    return mine


def _reach(may_see: Q, before: int | None = None) -> QuerySet[InboxRow]:
    """Chat messages, the newest first, from ``before`` (excluded) as far back as one page looks."""
    top = before or (InboxRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    rows = InboxRow.objects.filter(may_see, pk__lt=top, pk__gte=top - REACH, kind="chat")
    return rows.order_by("-pk")


def _searched(rows: QuerySet[InboxRow], words: str) -> QuerySet[InboxRow]:
    if not words:
        return rows
    listed = Staff.objects.filter(name__icontains=words).values("staff_id")
    named = Q(payload__nick__icontains=words) | Q(payload__conversation_title__icontains=words)
    named |= Q(sender_id__in=listed)
    return rows.filter(named | Q(text__icontains=words) | Q(sender_id=words) | Q(conversation_id=words))


def _lines(ids: Sequence[int], found: Sequence[tuple[int, int, str, datetime]]) -> Iterator[ConversationLine]:
    rows = InboxRow.objects.select_related("config").defer("webhook", "unreadable", "target").in_bulk(ids)
    counted = Counter((config_id, conversation_id) for _, config_id, conversation_id, _ in found)
    costs, models, called = _costs(found), models_of(ids), Called(rows.values())
    for row in (rows[pk] for pk in ids if pk in rows):
        key = (row.config_id, row.conversation_id)
        yield ConversationLine(
            row, called.title(row), place_of(row), called.speaker(row), counted[key], models.get(row.pk, ""), costs.get(key)
        )  # fmt: skip


def _costs(found: Sequence[tuple[int, int, str, datetime]]) -> Mapping[Key, float]:
    """Yuan by conversation, of the messages that the list was made of."""
    if not found:
        return {}
    spent = TurnUsage.objects.filter(at__gte=found[-1][3], inbox_id__gte=found[-1][0]).order_by()
    by_message = dict(spent.values_list("inbox_id").annotate(Sum("cost")))
    costs: dict[Key, float] = {}
    for pk, config_id, conversation_id, _ in found:
        if by_message.get(pk):
            key = (config_id, conversation_id)
            costs[key] = costs.get(key, 0.0) + by_message[pk] / MICRO
    return costs


def models_of(ids: Sequence[int]) -> dict[int, str]:
    """Who answered these messages."""
    rows = AuditRecord.objects.filter(inbox_id__in=ids, kind=AuditKind.DECISION).order_by("pk")
    return {
        inbox_id: str(detail.get("model") or "")
        for inbox_id, detail in rows.values_list("inbox_id", "detail")
        if inbox_id is not None
    }


def place_of(row: InboxRow) -> str:
    """Where it was said."""
    return "网页" if row.conversation_id.startswith("web:") else "群聊" if row.is_group else "单聊"


class Called:
    """What the people and groups of some messages are called: as listed, else as they call themselves."""

    def __init__(self, rows: Iterable[InboxRow]) -> None:
        known = list(rows)
        self._people = names_of({(row.config_id, row.sender_id) for row in known if row.sender_id})
        self._groups = groups_of({(row.config_id, row.conversation_id) for row in known if row.is_group})

    def speaker(self, row: InboxRow) -> str:
        """Whoever wrote it."""
        name = self._people.get((row.config_id, row.sender_id))
        return name or str(row.payload.get("nick") or row.sender_id or "不知道是谁")

    def title(self, row: InboxRow) -> str:
        """The group, or the person."""
        if not row.is_group:
            return self.speaker(row)
        name = self._groups.get((row.config_id, row.conversation_id)) or row.payload.get("conversation_title")
        return str(name or nameless_group(row.conversation_id))


@page()
def conversation(request: HttpRequest, pk: int) -> HttpResponse:
    """A conversation up to the message ``pk``. Who may not read others' text sees only what they said themselves."""
    may_see = visible(request)
    row = InboxRow.objects.filter(may_see, pk=pk, kind="chat").select_related("config").first()
    if row is None:
        raise Http404
    same = Q(config_id=row.config_id, conversation_id=row.conversation_id) & may_see
    rows = _reach(same, pk + 1).select_related("config").defer("webhook", "unreadable").annotate(is_raw=raw())
    found = list(rows[: TURNS + 1])
    newest = _reach(same).values_list("pk", flat=True).first()
    context = {
        "title": Called([row]).title(row),
        "row": row,
        "place": place_of(row),
        "turns": turns_of(request, found[:TURNS][::-1]),
        "older": found[TURNS].pk if len(found) > TURNS else None,
        "newest": newest if newest and newest != pk else None,
        "own_only": not request.user.has_perm(READ_TEXT),
    }
    return render(request, "pages/conversation.html", context)
