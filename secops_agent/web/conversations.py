"""会话: what people asked the robot and what it answered, read like a chat."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from bifang.channels.addressees import groups_of, names_of
from bifang.channels.admin.explanations import raw
from bifang.channels.admin.rows import READ_TEXT
from bifang.channels.models import InboxRow, nameless_group
from secops_agent.models import AuditKind, AuditRecord, Staff, TurnUsage
from secops_agent.services.operations.usage import MICRO
from secops_agent.services.people.logins import accounts
from secops_agent.web.access import page
from secops_agent.web.turns import turns_of

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
    rows = _searched(_reach(visible(request), int(before) if _is_id(before) else None), words)
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


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


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
