"""Private messages to one person, outside of a turn, through the application of their own corporation."""

from collections.abc import Collection, Sequence

from bifang.channels.models import InboxRow
from bifang.channels.ports import FileToSend, ReplyTarget, Suggestion
from bifang.channels.queues import outbox
from bifang.channels.text.markup import literal
from bifang.core.models import SystemConfig
from secops_agent.models import Staff
from secops_agent.services.chats import WEB, speaks
from secops_agent.services.people.applications import is_of


def speaker_for(
    staff: Staff, first: SystemConfig | None = None, *, among: Collection[int] | None = None
) -> SystemConfig | None:
    """What reaches a person and may speak unasked, ``first`` if it can; None if nothing does.

    ``among``: no other one than these. Of several robots of their corporation one that they wrote to.
    """
    rows = [
        row
        for row in SystemConfig.objects.chats()
        if speaks(row)
        and (not staff.corp_id or row.corporation in (staff.corp_id, ""))
        and (among is None or row.pk in among)
        and is_of(row, staff)
    ]
    known = _written_to(staff, rows) if len(rows) > 1 else frozenset()
    rows.sort(
        key=lambda row: (
            row.corporation != staff.corp_id,  # a known corporation first
            bool(known) and row.pk not in known,
            row != first,
        )
    )
    return rows[0] if rows else None


def _written_to(staff: Staff, rows: Sequence[SystemConfig]) -> frozenset[int]:
    said = InboxRow.objects.filter(kind="chat", sender_id=staff.staff_id, config__in=rows)
    return frozenset(said.exclude(conversation_id__startswith=WEB).values_list("config_id", flat=True))


def config_of(staff: Staff, among: Collection[int] | None = None) -> int | None:
    """The id of `speaker_for` them."""
    speaker = speaker_for(staff, among=among)
    return speaker.pk if speaker else None


def tell(
    staff: Staff,
    title: str,
    text: str,
    *,
    key: str,
    suggestions: Sequence[Suggestion] = (),
    among: Collection[int] | None = None,
    file: FileToSend | None = None,
) -> bool:
    """Say it once per key, in the caller's transaction, with a ``file`` behind it; False if nothing reaches them, or they may read
    nothing any more.

    ``among``: through no other configuration than these.
    """
    config_id = config_of(staff, among) if staff.acts else None
    if config_id is None:
        return False
    target = ReplyTarget("", is_group=False, staff_id=staff.staff_id)
    outbox.notify(config_id, target, text, key=key, title=title, suggestions=suggestions)
    if file:
        outbox.notify(config_id, target, no_place(file), key=f"{key}:file", file=file)
    return True


def no_place(file: FileToSend) -> str:
    """What is said where a file cannot go."""
    return f"文件「{literal(file.name)}」没有地方可发：请到「报告」页面下载。"
