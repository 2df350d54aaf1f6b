"""Events of the organisation as DingTalk pushes them: EVENT frames, their field names and types (facts: events).

``POST /sim/events`` takes ``data`` as it is, or makes it: ``{event_type, staff_id?, conversation_id?, outsiders?,
title?}``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.errors import InvalidInput
from simulators.values import dump, mint, now_ms

from .conversations import group_id
from .deliveries import Push
from .frames import EVENT_TOPIC
from .messages import find_robot
from .people import CORP_ID, OUTSIDER_KEY
from .world import World

OPERATOR: Final = "manager01"


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whom and which group an event is about; ``unions``: one for each person, staff or not."""

    staff: str
    room: str
    title: str
    outsiders: int

    @property
    def unions(self) -> list[str]:
        own = [] if self.outsiders else [f"union-{self.staff}"]
        return [*own, *(f"union-{OUTSIDER_KEY}-{number}" for number in range(self.outsiders))]


def _people(of: _Subject) -> dict[str, Any]:
    return {"userId": [of.staff]}


def _leaving(of: _Subject) -> dict[str, Any]:
    return {"userId": [of.staff], "optStaffId": OPERATOR}


def _modified(of: _Subject) -> dict[str, Any]:
    before = {"name": of.staff, "telephone": "13800000000", "email": "", "jobNumber": "7", "workPlace": "", "remark": "", "extFields": "{}"}  # fmt: skip
    diff = {"userid": of.staff, "prev": before, "curr": {**before, "telephone": "13900000000"}}
    return {**_leaving(of), "diffInfo": [diff]}


def _room(of: _Subject) -> dict[str, Any]:
    """Here ``timeStamp`` is a number."""
    where = {"timeStamp": now_ms(), "chatId": f"chat-{of.room}", "openConversationId": of.room}
    return {**where, "operator": OPERATOR, "operatorUnionId": f"union-{OPERATOR}"}


def _members(of: _Subject) -> dict[str, Any]:
    return {**_room(of), "userId": [] if of.outsiders else [of.staff], "unionId": of.unions}


EVENTS: Final[Mapping[str, Callable[[_Subject], dict[str, Any]]]] = {
    "user_add_org": _leaving,
    "user_leave_org": _leaving,
    "user_active_org": _people,
    "user_modify_org": _modified,
    "org_admin_add": _people,
    "org_admin_remove": _people,
    "org_dept_create": lambda of: {"deptId": [42]},
    "org_dept_modify": lambda of: {"deptId": [42]},
    "org_dept_remove": lambda of: {"deptId": [42]},
    "org_change": lambda of: {},
    "label_user_change": lambda of: {"action": "add", "labelIdList": [101], "userIdList": [of.staff]},
    "chat_add_member": _members,
    "chat_remove_member": _members,
    "chat_quit": _room,
    "chat_disband": _room,
    "chat_update_owner": lambda of: {**_room(of), "owner": of.staff},
    "chat_update_title": lambda of: {**_room(of), "title": of.title},
}


def emit(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Push one: ``{event_id, delivered}``. InvalidInput names what is wrong."""
    robot = find_robot(world, body.get("client_id"))
    event_type = str(body.get("event_type") or "")
    if not event_type:
        raise InvalidInput("缺少 event_type，例如 user_leave_org")
    if not (robot.stream or robot.http):
        raise InvalidInput(f"应用「{robot.name}」没有选择 Stream 推送，事件不会推送")
    given = body["data"] if "data" in body else _make(robot.client_id, event_type, body)
    push = _push(robot.client_id, event_type, given or {}, body)
    return {"event_id": push.external_id, "delivered": world.deliveries.submit(push)}


def _make(client_id: str, event_type: str, body: dict[str, Any]) -> dict[str, Any]:
    make = EVENTS.get(event_type)
    if make is None:
        raise InvalidInput(f"没有 {event_type} 的样例：请给出 data。有样例的：{'、'.join(EVENTS)}")
    outsiders = body.get("outsiders") or 0
    if not isinstance(outsiders, int) or not 0 <= outsiders <= 100:
        raise InvalidInput(f"outsiders 应是 0 到 100 的整数，收到 {outsiders!r}")
    return make(
        _Subject(
            str(body.get("staff_id") or "lisi"),
            str(body.get("conversation_id") or group_id(client_id)),
            str(body.get("title") or "改过名的群"),
            outsiders,
        )
    )


def _push(client_id: str, event_type: str, given: dict[str, Any], body: dict[str, Any]) -> Push:
    event_id = str(body.get("event_id") or mint("event-"))
    data = {"timeStamp": str(now_ms()), "eventId": event_id, **given}
    extra = {
        "eventId": event_id,
        "eventType": event_type,
        "eventBornTime": str(body.get("born_ms") or now_ms()),
        "eventCorpId": str(body.get("corp_id") or CORP_ID),
        "eventUnifiedAppId": "demo-unified-app",
    }
    return Push(client_id, "EVENT", EVENT_TOPIC, dump(data), event_id, extra)
