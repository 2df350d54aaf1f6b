"""Address book of the chat platforms: who an employee id is; a platform declares in `BOOKS` how it is asked."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bifang.channels.models import InboxRow
from bifang.core.errors import InvalidInput
from bifang.core.registry import Registry
from secops_agent.models import Staff
from secops_agent.services.people.staff import named_corporations

REACH: Final = 5_000  # of the newest messages
MOST: Final = 5
_ID: Final = re.compile(r"[^\s\x00-\x1f]{1,100}")
NOBODY: Final = "钉钉的通讯录里没有员工 ID「{}」：请核对，员工 ID 是钉钉的 userId，不是手机号或工号。"


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody of the corporation. ``activated``: they use the chat."""

    corp_id: str
    staff_id: str
    name: str
    title: str
    activated: bool


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Somebody who wrote to the robot and is not in 人员. ``nick`` is what they call themselves."""

    corp_id: str
    staff_id: str
    nick: str


LookUp = Callable[[str], list[Found]]
# Each takes an employee id.
BOOKS: Final = Registry[LookUp]()


def find(staff_id: str) -> Found:
    """Whose employee id this is. InvalidInput for nobody's; RemoteError and its kin."""
    wanted = staff_id.strip()
    if not _ID.fullmatch(wanted):
        raise InvalidInput("请填写员工 ID（钉钉的 userId）。")
    found = [each for look_up in BOOKS for each in look_up(wanted)]
    if not found:
        raise InvalidInput(NOBODY.format(wanted))
    return found[0]


def unlisted() -> list[Unlisted]:
    """Who wrote to the robot lately without being listed: of the own corporations only, the newest first."""
    homes = named_corporations()
    top = InboxRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = InboxRow.objects.filter(
        pk__gt=top - REACH, kind="chat", payload__corp_id__in=sorted(homes)
    ).order_by("-pk")
    seen: dict[tuple[Any, Any], str] = {}
    for corp_id, staff_id, nick in rows.values_list("payload__corp_id", "payload__staff_id", "payload__nick")[
        :REACH
    ]:
        if staff_id:
            seen.setdefault((str(corp_id), str(staff_id)), str(nick or ""))
    known = set(
        Staff.objects.filter(staff_id__in=[key[1] for key in seen]).values_list("staff_id", flat=True)
    )
    return [Unlisted(*key, nick) for key, nick in seen.items() if key[1] not in known][:MOST]


def last_heard(staff_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """When accounts (corporation, employee id) last wrote to the robot, among its newest messages."""
    top = InboxRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = InboxRow.objects.filter(pk__gt=top - REACH, kind="chat", sender_id__in=staff_ids).order_by("-pk")
    heard: dict[tuple[str, str], datetime] = {}
    for corp_id, staff_id, at in rows.values_list("payload__corp_id", "sender_id", "received_at"):
        heard.setdefault((str(corp_id or ""), staff_id), at)
    return heard
