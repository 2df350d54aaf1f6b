"""Messages to administrators: in their own chats, through a configuration that may speak."""

from collections.abc import Collection
from typing import Final

from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.core.models import SystemConfig
from secops_agent.models import Role, Staff
from secops_agent.services.chats import speaks
from secops_agent.services.people.applications import is_of
from secops_agent.services.people.messages import speaker_for

MOST: Final = 20


def tell(config: SystemConfig | None, title: str, text: str, *, key: str) -> int:
    """Each of them once for one ``key``, in the caller's transaction; how many there were. 0: nobody can be told."""
    speaker = speaker_beside(config)
    if speaker is None:
        return 0
    found = people_of(speaker)
    for staff in found:
        target = ReplyTarget("", is_group=False, staff_id=staff.staff_id)
        outbox.notify(speaker.pk, target, text, key=f"{key}:{staff.pk}", title=title)
    return len(found)


def tell_through(among: Collection[int], title: str, text: str, *, key: str) -> int:
    """As `tell`, on whatever platform, each person once: through those of these configurations that reach them.

    Only those known to be their corporation's: elsewhere the same id may be somebody else's.
    """
    persons: set[int] = set()
    count = 0
    for staff in Staff.objects.acting().filter(role=Role.ADMIN).order_by("pk")[:MOST]:
        speaker = None if staff.user_id in persons else speaker_for(staff, among=among)
        if speaker is not None and staff.corp_id in ("", speaker.corporation):
            target = ReplyTarget("", is_group=False, staff_id=staff.staff_id)
            outbox.notify(speaker.pk, target, text, key=f"{key}:{staff.pk}", title=title)
            persons |= {staff.user_id} if staff.user_id else set()
            count += 1
    return count


def people_of(config: SystemConfig | None) -> list[Staff]:
    """Those of its corporation, of any if none is known, whom it can speak to."""
    people = Staff.objects.acting().filter(role=Role.ADMIN)
    if config and config.corporation:
        people = people.filter(corp_id__in=("", config.corporation))
    return [row for row in people.order_by("pk")[:MOST] if config is None or is_of(config, row)]


def speaker_beside(config: SystemConfig | None) -> SystemConfig | None:
    """This configuration; if nothing may be said through it another one, with somebody to tell; None if there is none."""
    rows = [row for row in SystemConfig.objects.chats() if speaks(row)]
    rows.sort(key=lambda row: (row != config, not people_of(row)))
    return rows[0] if rows else None
