"""People and groups by their names on the pages of rows, the id as a hint."""

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.addressees import groups_of, names_of
from bifang.core.admin.base import NOTHING, shortened


def call(rows: Sequence[Any], column: str) -> None:
    """What the people and groups of these rows are called, in some queries. ``column`` holds the ids of people."""
    people = {(row.config_id, getattr(row, column)) for row in rows}
    names = names_of({one for one in people if one[1]})
    groups = groups_of({(row.config_id, row.conversation_id) for row in rows if row.is_group})
    for row in rows:
        row.called = names.get((row.config_id, getattr(row, column)), "")
        row.room = groups.get((row.config_id, row.conversation_id), "")


def call_receivers(rows: Sequence[Any]) -> None:
    """As `call`, of rows of the outbox: to whom they go."""
    for row in rows:
        target = row.target or {}
        row.staff_id, row.conversation_id = (
            str(target.get(name) or "") for name in ("staff_id", "conversation_id")
        )
        row.is_group, row.is_robot = bool(target.get("is_group")), bool(target.get("robot"))
    call(rows, "staff_id")


def receiver(row: Any) -> SafeString | str:
    """The group, or the person in their own chat; after `call_receivers`."""
    if row.is_robot:
        return "自定义机器人"
    return (
        hinted(row.room or "群聊", row.conversation_id) if row.is_group else short_person(row, row.staff_id)
    )


def short_person(row: Any, ident: str) -> SafeString | str:
    """In a list: the name; an id that nobody knows, shortened."""
    return hinted(row.called, ident) if row.called else shortened(ident, 18) if ident else ""


def hinted(name: str, ident: str) -> SafeString:
    """A name; the id when pointed at."""
    return format_html('<span title="{}">{}</span>', ident, name)


def whole(name: str, ident: str) -> SafeString | str:
    """On a page of one row: the name, and the id small beside it."""
    if not ident:
        return NOTHING
    return format_html('{} <span class="bf-note">{}</span>', name, ident) if name else ident


def person_of(config_id: int, staff_id: str) -> SafeString | str:
    """`whole`, of one person."""
    return whole(names_of({(config_id, staff_id)}).get((config_id, staff_id), ""), staff_id)


def group_of(config_id: int, conversation_id: str) -> SafeString | str:
    """`whole`, of one conversation."""
    return whole(
        groups_of({(config_id, conversation_id)}).get((config_id, conversation_id), ""), conversation_id
    )
