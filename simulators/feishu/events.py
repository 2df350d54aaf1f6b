"""What Feishu tells a bot: messages, clicks on cards, changes of chats and people."""

import json
from collections.abc import Callable
from typing import Any

from bifang.core.errors import InvalidInput
from simulators.attachments import read_file
from simulators.history import Entry
from simulators.values import dump, mint, now_ms

from .deliveries import Push
from .options import App, derive
from .world import Chat, World

DEFAULT_GROUP = "oc_demo_group"
DEFAULT_PERSON = "ou_zhangsan"
OUTSIDER_TENANT = "tenant_other"


def find_app(world: World, app_id: Any) -> App:
    """The application; the first one without an id. InvalidInput."""
    if not app_id:
        return next(iter(world.apps.values()))
    app = world.apps.get(str(app_id))
    if app is None:
        raise InvalidInput(f"没有应用 {app_id!r}。已有：{'、'.join(world.apps)}")
    return app


def identify(world: World, open_id: str) -> dict[str, str]:
    """The three ids of a person."""
    return {
        "union_id": "on_" + derive("union", open_id),
        "user_id": derive("user", open_id)[:8],
        "open_id": open_id,
    }


def say(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """One message of a person: the fields of ``POST /sim/messages``; ``file``: ``{name, text}`` or ``{name, base64}``."""
    if body.get("file") is not None:
        name, data = read_file(body["file"])
        key = mint("file_")
        world.resources[key] = data
        body = {**body, "message_type": "file", "content": {"file_key": key, "file_name": name}}
    app = find_app(world, body.get("app_id"))
    chat = _find_chat(world, app, body)
    open_id = str(body.get("open_id") or chat.open_id or DEFAULT_PERSON)
    world.users.setdefault(app.app_id, set()).add(open_id)
    message = _build_message(world, app, chat, body)
    tenant = str(body.get("tenant_key") or world.options.tenant_key)
    sender = {"sender_id": identify(world, open_id), "sender_type": "user", "tenant_key": tenant}
    message_id, text = message["message_id"], str(body.get("text", ""))
    if world.find_message(app.app_id, message_id) is None:
        kind, parent = message["message_type"], message.get("parent_id", "")
        world.history.add(
            Entry(message_id, app.app_id, chat.chat_id, open_id, kind, text, reply_to=parent, raw=message)
        )
    told = emit(
        world,
        {**body, "event_type": "im.message.receive_v1", "event": {"sender": sender, "message": message}},
    )
    return {"message_id": message_id, "chat_id": chat.chat_id, **told}


def _find_chat(world: World, app: App, body: dict[str, Any]) -> Chat:
    open_id = str(body.get("open_id") or DEFAULT_PERSON)
    chat_id = str(body.get("chat_id") or "")
    known = world.chats.get((app.app_id, chat_id))
    if known:
        return known
    if body.get("group"):
        return world.open_chat(app.app_id, Chat(chat_id or DEFAULT_GROUP, "group"))
    if chat_id:
        return world.open_chat(app.app_id, Chat(chat_id, "p2p", open_id))
    return world.open_direct(app.app_id, open_id)


def _build_message(world: World, app: App, chat: Chat, body: dict[str, Any]) -> dict[str, Any]:
    created = str(int(body.get("born_ms") or now_ms()))
    text, mentions = str(body.get("text", "")), _build_mentions(world, app, chat, body)
    if mentions and "@_user_1" not in text:
        text = f"@_user_1 {text}"
    content = body.get("content", {"text": text})
    message: dict[str, Any] = {
        "message_id": str(body.get("message_id") or mint("om_")),
        "create_time": created,
        "update_time": created,
        "chat_id": chat.chat_id,
        "chat_type": chat.chat_type,
        "message_type": str(body.get("message_type") or "text"),
        "content": content if isinstance(content, str) else dump(content),
        "user_agent": "Mozilla/5.0 (simulated) Lark/7.50.0",
    }
    if mentions:
        message["mentions"] = mentions
    if body.get("parent_id"):
        message["parent_id"] = str(body["parent_id"])
        message["root_id"] = str(body.get("root_id") or body["parent_id"])
    extra = body.get("extra")
    return {**message, **(extra if isinstance(extra, dict) else {})}


def _build_mentions(world: World, app: App, chat: Chat, body: dict[str, Any]) -> list[dict[str, Any]]:
    """In a group a bot hears only what mentions it, unless ``at_bot`` is false; ``mentions``: more open ids."""
    others = [str(one) for one in body.get("mentions") or ()]
    bot = body.get("at_bot", chat.chat_type == "group")
    people = [(app.open_id, app.name, "bot")] if bot else []
    people += [(open_id, open_id, "user") for open_id in others]
    return [
        {
            "key": f"@_user_{number}",
            "id": {**identify(world, open_id), **({"user_id": ""} if kind == "bot" else {})},
            "mentioned_type": kind,
            "name": name,
            "tenant_key": world.options.tenant_key,
        }
        for number, (open_id, name, kind) in enumerate(people, 1)
    ]


def emit(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Send an event: ``{app_id, event_type, event?, event_id?, born_ms?}``. Without ``event``: one of `EVENTS`."""
    push = build_push(world, body)
    delivered = world.deliveries.submit(push)
    return {"event_id": push.event_id, "delivered": delivered}


def build_push(world: World, body: dict[str, Any]) -> Push:
    """The event in its envelope."""
    app = find_app(world, body.get("app_id"))
    event_type, event = str(body.get("event_type") or ""), body.get("event")
    if event is None:
        if event_type not in EVENTS:
            raise InvalidInput(f"请写明 event，或用已知的 event_type：{'、'.join(EVENTS)}")
        event = EVENTS[event_type](world, body)
    header = {
        "event_id": str(body.get("event_id") or mint("")),
        "token": "",
        "create_time": str(int(body.get("born_ms") or now_ms())),
        "event_type": event_type,
        "tenant_key": world.options.tenant_key,  # the application's own, whoever it was that spoke
        "app_id": app.app_id,
    }
    payload = dump({"schema": "2.0", "header": header, "event": event}).encode("utf-8", "surrogatepass")
    return Push(app.app_id, header["event_id"], event_type, payload)


def _build_bot_added(world: World, body: dict[str, Any]) -> dict[str, Any]:
    app = find_app(world, body.get("app_id"))
    chat = Chat(str(body.get("chat_id") or DEFAULT_GROUP), "group")
    if str(body.get("event_type")).endswith("added_v1"):
        world.open_chat(app.app_id, chat)
    else:
        world.chats.pop((app.app_id, chat.chat_id), None)
    return {
        "chat_id": chat.chat_id,
        "operator_id": identify(world, str(body.get("open_id") or DEFAULT_PERSON)),
        "external": False,
        "operator_tenant_key": world.options.tenant_key,
        "name": str(body.get("name") or "应急响应群"),
    }


def _build_person_gone(world: World, body: dict[str, Any]) -> dict[str, Any]:
    open_id = str(body.get("open_id") or DEFAULT_PERSON)
    return {"object": {**identify(world, open_id), "status": {"is_resigned": True}}, "old_object": {}}


EVENTS: dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]] = {
    "im.chat.member.bot.added_v1": _build_bot_added,
    "im.chat.member.bot.deleted_v1": _build_bot_added,
    "contact.user.deleted_v3": _build_person_gone,
    "contact.user.updated_v3": _build_person_gone,
}


def build_click(world: World, app: App, entry: Entry, body: dict[str, Any]) -> dict[str, Any]:
    """The ``event`` of ``card.action.trigger``. InvalidInput unless ``value`` is an object."""
    value = body.get("value", {})
    if not isinstance(value, dict):
        raise InvalidInput("value 应是 JSON 对象（飞书的卡片也这样要求）")
    rest = {
        name: body[name]
        for name in ("name", "form_value", "option", "options", "input_value", "checked")
        if name in body
    }
    operator = identify(world, str(body.get("open_id") or DEFAULT_PERSON))
    return {
        "operator": {"tenant_key": str(body.get("tenant_key") or world.options.tenant_key), **operator},
        "token": mint("c-"),
        "action": {"value": value, "tag": str(body.get("tag") or "button"), **rest},
        "host": "im_message",
        "context": {"open_message_id": entry.id, "open_chat_id": entry.conversation_id},
    }


def extract_text(msg_type: str, content: str) -> str:
    """The readable text of a message's content; raises on a wrong shape."""
    body = json.loads(content)
    if not isinstance(body, dict):
        raise ValueError("content is no object")
    if msg_type == "text":
        return str(body["text"])
    texts: list[str] = []
    _collect(body, texts)
    return "\n".join(texts)


def _collect(node: Any, texts: list[str]) -> None:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("text", "content", "title") and isinstance(value, str):
                texts.append(value)
            else:
                _collect(value, texts)
    elif isinstance(node, list):
        for value in node:
            _collect(value, texts)
