"""DingTalk's events and their field names (facts: events), as what happened. A row here, a rule in the security app."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bifang.channels.ports import Turn
from dingtalk_integration.handlers.contents import text_of
from secops_agent.services.organisation.events import Kind, OrganisationEvent, moment_of

SOURCE: Final = "dingtalk_events"
MOST_PEOPLE, LONGEST_ID = 1000, 100  # of one event
_PARTICULARS: Final = {
    "name": "姓名", "telephone": "手机号", "email": "邮箱", "jobNumber": "工号", "workPlace": "办公地点", "remark": "备注",
    "extFields": "扩展字段",
}  # fmt: skip
Fields = Mapping[str, Any]
Read = Callable[[Fields], dict[str, Any]]


def read_event(turn: Turn) -> OrganisationEvent | None:
    """What an event says that somebody has a rule for; None for every other type."""
    kind, read = EVENTS.get(turn.payload.get("type", ""), (None, None))
    if kind is None or read is None:
        return None
    data = turn.payload.get("data", {})
    given = {name: value for name, value in data.items() if name not in ("unionId", "operatorUnionId")}
    return OrganisationEvent(
        kind=kind, source=SOURCE, ident=turn.external_id, config_id=turn.config_id,
        corp_id=turn.payload.get("corp_id", ""), at=moment_of(turn), raw={"type": turn.payload["type"], **given},
        **read(data),
    )  # fmt: skip


def _value(data: Fields, name: str) -> Any:
    """In the HTTP callback's spelling, too, which older logs show."""
    return data.get(name, data.get(f"{name[0].upper()}{name[1:]}"))


def _ids(data: Fields, name: str) -> tuple[str, ...]:
    given = _value(data, name)
    listed = given if isinstance(given, list) else [given]
    known = [text_of({name: each}, name).strip()[:LONGEST_ID] for each in listed]
    return tuple(each for each in dict.fromkeys(known) if each)[:MOST_PEOPLE]


def _people(data: Fields, name: str = "userId", by: str = "optStaffId") -> dict[str, Any]:
    return {"staff_ids": _ids(data, name), "operator_id": text_of(data, by)[:LONGEST_ID]}


def _particulars(data: Fields) -> dict[str, Any]:
    """Which fields changed, never their values."""
    rows = _value(data, "diffInfo")
    found: dict[str, None] = {}
    for row in rows if isinstance(rows, list) else []:
        before, after = (row.get(side) if isinstance(row, dict) else None for side in ("prev", "curr"))
        if isinstance(before, dict) and isinstance(after, dict):
            changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
            found |= dict.fromkeys(label for name, label in _PARTICULARS.items() if name in changed)
    return {**_people(data), "fields": tuple(found)}


def _labels(data: Fields) -> dict[str, Any]:
    word = {"add": "新增", "remove": "移除"}.get(text_of(data, "action"), "变更")
    count = len(_ids(data, "labelIdList")) or 1
    return {**_people(data, "userIdList"), "fields": (f"{word} {count} 个角色",)}


def _room(data: Fields) -> dict[str, Any]:
    return {
        "conversation_id": text_of(data, "openConversationId"),
        "operator_id": text_of(data, "operator")[:LONGEST_ID],
        "title": text_of(data, "title"),
    }


def _joined(data: Fields) -> dict[str, Any]:
    """People without a staff id are of another corporation: DingTalk names them by their union id only (inferred)."""
    known, everybody = _ids(data, "userId"), _ids(data, "unionId")
    return {**_room(data), "outsiders": max(len(everybody) - len(known), 0)}


EVENTS: Final[Mapping[str, tuple[Kind, Read]]] = {
    "user_leave_org": ("left", _people),
    "org_admin_add": ("admin_added", _people),
    "org_admin_remove": ("admin_removed", _people),
    "user_modify_org": ("profile_changed", _particulars),
    "label_user_change": ("roles_changed", _labels),
    "chat_add_member": ("outsiders_joined", _joined),
    "chat_disband": ("group_disbanded", _room),
    "chat_update_title": ("group_renamed", _room),
}
