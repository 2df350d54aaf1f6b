"""Events of the organisation in Feishu: stored, acknowledged, acted on; their names and fields (facts: useful events)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bifang.channels.ports import ReplySink, Turn, TurnResult
from bifang.core.database import db
from feishu_integration.handlers.contents import field_of, object_of
from feishu_integration.handlers.tenants import learn_tenant
from secops_agent.services.organisation.events import Kind, OrganisationEvent, moment_of
from secops_agent.services.organisation.reactions import react

SOURCE: Final = "feishu_events"
LONGEST_ID: Final = 100
Read = Callable[[Mapping[str, Any], str], dict[str, Any]]


def read_event(turn: Turn) -> OrganisationEvent | None:
    """What an event says that there is a rule for; None for every other type, and for one that names nobody."""
    kind, read = EVENTS.get(turn.payload.get("type", ""), (None, None))
    if kind is None or read is None:
        return None
    data, corp_id = object_of(turn.payload, "data"), field_of(turn.payload, "corp_id")
    found = read(data, corp_id)
    if not found.get("staff_ids") and not found.get("conversation_id"):
        return None
    return OrganisationEvent(
        kind=kind, source=SOURCE, ident=turn.external_id, config_id=turn.config_id, corp_id=corp_id,
        at=moment_of(turn), raw={"type": turn.payload["type"], **data}, **found,
    )  # fmt: skip


def _person(data: Mapping[str, Any], corp_id: str) -> dict[str, Any]:
    open_id = field_of(object_of(data, "object"), "open_id")[:LONGEST_ID]
    return {"staff_ids": (open_id,) if open_id else ()}


def _room(data: Mapping[str, Any], corp_id: str) -> dict[str, Any]:
    return {
        "conversation_id": field_of(data, "chat_id"),
        "operator_id": field_of(object_of(data, "operator_id"), "open_id")[:LONGEST_ID],
        "title": field_of(object_of(data, "after_change"), "name") or field_of(data, "name"),
    }


def _added(data: Mapping[str, Any], corp_id: str) -> dict[str, Any]:
    """An external group is one with people of other tenants in it; they can put our robot into one, too."""
    by_others = field_of(data, "operator_tenant_key") not in (corp_id, "")
    outsiders = data.get("external") is True or by_others
    how = ("机器人所在的是外部群",) if outsiders else ()
    return {**_room(data, corp_id), "outsiders": int(outsiders), "fields": how}


def _joined(data: Mapping[str, Any], corp_id: str) -> dict[str, Any]:
    users = data.get("users")
    tenants = [field_of(one, "tenant_key") for one in users] if isinstance(users, list) else []
    return {**_room(data, corp_id), "outsiders": sum(one not in (corp_id, "") for one in tenants)}


EVENTS: Final[Mapping[str, tuple[Kind, Read]]] = {
    "contact.user.deleted_v3": ("left", _person),
    "im.chat.member.bot.added_v1": ("robot_added", _added),
    "im.chat.member.bot.deleted_v1": ("robot_removed", _room),
    "im.chat.member.user.added_v1": ("outsiders_joined", _joined),
    "im.chat.disbanded_v1": ("group_disbanded", _room),
    "im.chat.updated_v1": ("group_renamed", _room),
}


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Run again after a crash it does nothing twice: what it writes is keyed by the event."""
    happening = read_event(turn)
    return TurnResult(note=await db.call(_act, happening) if happening else "")


def _act(happening: OrganisationEvent) -> str:
    learn_tenant(happening.config_id, happening.corp_id)
    return react(happening)
