"""From a pushed event to the acknowledgement: normalise, store, and only then answer."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.queues.storable import unstorable
from bifang.channels.queues.targets import read_ms
from feishu_integration.handlers import cards
from feishu_integration.handlers.contents import bots_of, field_of, object_of, read_message
from feishu_integration.stream.client import Pushed, Stored
from secops_agent.agent.acting.orders import is_urgent

log = logging.getLogger(__name__)
MESSAGE: Final = "im.message.receive_v1"
CLICK: Final = "card.action.trigger"


class FeishuIntake:
    """Receives the events of one configuration; `stored` is told that there is work."""

    def __init__(self, config_id: int, stored: Callable[[], None]) -> None:
        self._config_id = config_id
        self._stored = stored

    async def receive(self, pushed: Pushed) -> Stored | None:
        """When it is on the disk, with the answer to a click; None if it could not be stored: Feishu will deliver it
        again, or tell the clicker."""
        item, taken = read_item(pushed, self._config_id), Stored()
        if item.kind == "card" and not item.unreadable:
            item, answer = await cards.decide(item)
            taken = Stored(answer)
        if _is_overheard(item):
            return taken
        known = {"config": self._config_id, "message_id": ascii(item.external_id)[1:-1]}
        try:
            await inbox.receive(item)
        except Exception:
            log.exception("feishu 消息没能保存，不确认，等待飞书重新投递", extra=known)
            return None
        self._stored()
        log.info("feishu 收到并已保存 %s", item.kind, extra=known)
        return taken


def read_item(pushed: Pushed, config_id: int) -> Incoming:
    """The stored form of an event; what nothing can be made of is kept as a dead letter, and acknowledged."""
    try:
        # Of bytes, json takes half characters and other encodings, too.
        data = json.loads(pushed.payload.decode())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return _dead(pushed, config_id, "事件内容不是 JSON 对象，无法解析。")
    header, event = object_of(data, "header"), object_of(data, "event")
    kind = field_of(header, "event_type")
    if kind == MESSAGE:
        item = _chat(header, event, config_id)
    elif kind == CLICK:
        item = cards.read_click(header, event, config_id)
    else:
        item = _event(data, header, event, config_id)
    # The text of bytes may be of any kind; of Unicode, NUL and half characters are what no database holds.
    reason = unstorable(item, pushed.payload.decode("utf-8", "replace"))
    reason = reason or ("" if item.external_id else "事件没有任何标识。")
    return _dead(pushed, config_id, reason) if reason else item


def _is_overheard(item: Incoming) -> bool:
    """What colleagues say to each other in a group, pushed with the scope im:message.group_msg: not kept at all.

    An outsider's tells that there is one.
    """
    if item.kind != "chat" or not (item.target and item.target.is_group):
        return False
    own = item.payload.get("corp_id") == item.payload.get("robot_corp_id")
    return own and not item.payload.get("bots")


def _dead(pushed: Pushed, config_id: int, reason: str) -> Incoming:
    ident = hashlib.sha256(pushed.payload).hexdigest()[:40]
    return Incoming(config_id, "event", f"raw-{ident}", unreadable=pushed.payload or b"-", reason=reason)


def _chat(header: Mapping[str, Any], event: Mapping[str, Any], config_id: int) -> Incoming:
    message, sender = object_of(event, "message"), object_of(event, "sender")
    open_id = field_of(object_of(sender, "sender_id"), "open_id")
    said, chat_id = read_message(message), field_of(message, "chat_id")
    message_id = field_of(message, "message_id")
    payload = {
        "msgtype": field_of(message, "message_type")[:40],
        "staff_id": open_id,
        "corp_id": field_of(sender, "tenant_key"),
        "robot_corp_id": field_of(header, "tenant_key"),
        "sender_type": field_of(sender, "sender_type")[:40],
        "quotes": field_of(message, "parent_id")[:200],
        "cannot_read": said.cannot_read,
        "files": [dict(file) for file in said.files],
        "bots": bots_of(message),
        "door": "feishu",
    }
    group = field_of(message, "chat_type") != "p2p"
    return Incoming(
        config_id=config_id,
        kind="chat",
        external_id=message_id or field_of(header, "event_id"),
        conversation_id=chat_id,
        sender_id=open_id,
        text=said.text,
        payload={name: value for name, value in payload.items() if value},
        target=ReplyTarget(chat_id, group, staff_id=open_id, message_id=message_id),
        urgent=is_urgent(said.text),
        said_ms=read_ms(field_of(message, "create_time")),
    )


def _event(
    data: Mapping[str, Any], header: Mapping[str, Any], event: Mapping[str, Any], config_id: int
) -> Incoming:
    """An event of any other type, old or new style. Its type is its text: it is searched by it."""
    kind = (field_of(header, "event_type") or field_of(event, "type"))[:100]
    corp_id = field_of(header, "tenant_key") or field_of(event, "tenant_key")
    return Incoming(
        config_id=config_id,
        kind="event",
        external_id=field_of(header, "event_id") or field_of(data, "uuid"),
        text=kind,
        payload={
            "type": kind,
            "corp_id": corp_id,
            "born_ms": field_of(header, "create_time")[:20],
            "data": dict(event),
            "door": "feishu",
        },
    )
