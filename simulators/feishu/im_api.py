"""``/open-apis/im/v1/messages``: a bot sends, replies, and replaces its cards."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulators.calls import Ring
from simulators.history import Entry
from simulators.values import dump, mint, now_ms

from .cardkit import CardKit, check_card, read_words
from .events import extract_text
from .openapi import BAD_PARAMETER, NOT_IN_CHAT, Call, OpenApi, Refusal, refuse_too_often
from .people import find_person
from .world import Chat, World

TOO_LONG, CARD_REFUSED, NOT_THE_SENDER = 230025, 230099, 230012
URGENT = {"app": "app", "sms": "sms", "phone": "call"}
LONGEST_UUID = 50
LONGEST = {"text": 150 * 1024}
LONGEST_RICH = 30 * 1024
KINDS = ("text", "post", "interactive", "image", "file", "share_chat", "audio", "media", "sticker")


@dataclass(slots=True)
class ImApi:
    """The endpoints. ``sent``: (message id, monotonic time) by (application, uuid)."""

    world: World
    openapi: OpenApi
    cardkit: CardKit
    sent: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        base, guard = "/open-apis/im/v1/messages", self.openapi.guard
        return [
            web.post(base, guard(self.create)),
            web.post(base + "/{message_id}/reply", guard(self.reply)),
            web.patch(base + "/{message_id}", guard(self.patch)),
            web.get(base + "/{message_id}", guard(self.show)),
            *(web.patch(f"{base}/{{message_id}}/urgent_{by}", guard(self.urge)) for by in URGENT),
        ]

    def create(self, call: Call) -> dict[str, Any]:
        """Send to a person or a chat."""
        kind = call.request.query.get("receive_id_type", "")
        chat = self._find_receiver(call, kind, call.read_text("receive_id"))
        return self._send(call, chat, "create", "")

    def reply(self, call: Call) -> dict[str, Any]:
        """Send into the chat of a message, as an answer to it."""
        parent = self._find(call)
        chat = self.world.chats.get((call.app.app_id, parent.conversation_id))
        if chat is None:
            raise Refusal(NOT_IN_CHAT, "Bot is NOT in the chat.")
        return self._send(call, chat, "reply", parent.id)

    def patch(self, call: Call) -> dict[str, Any]:
        """Replace a card."""
        entry = self._find(call)
        if entry.sender != call.app.app_id or entry.msgtype != "interactive":
            raise Refusal(BAD_PARAMETER, "NOT a card of this bot.")
        if entry.card:
            raise Refusal(BAD_PARAMETER, "A card entity is updated by cardkit.")
        content = call.read_text("content")
        entry.text = _check("interactive", content)
        entry.raw = {**entry.raw, "content": content, "updates": entry.raw.get("updates", 0) + 1}
        self.world.history.touch(entry)
        return {}

    def urge(self, call: Call) -> dict[str, Any]:
        """加急 a message of the bot for people of its chat."""
        entry, app_id, faults = self._find(call), call.app.app_id, self.world.faults
        if (code := faults.take("urgent_code", app_id)) is not None:
            raise Refusal(int(code), "故障注入")
        if entry.sender != app_id:
            raise Refusal(NOT_THE_SENDER, "Bot is NOT the sender of the message.")
        people = call.body.get("user_id_list")
        if not isinstance(people, list) or call.request.query.get("user_id_type") != "open_id":
            raise Refusal(BAD_PARAMETER, "Your request contains an invalid request parameter.")
        chat = self.world.chats.get((app_id, entry.conversation_id))
        gone = bool(faults.take("urgent_invalid", app_id))
        here = {chat.open_id} if chat and chat.open_id else self.world.users.get(app_id, set())
        invalid = [each for each in people if gone or each not in here]
        by = URGENT[call.request.path.rpartition("_")[2]]
        for each in (str(one) for one in people if one not in invalid):
            name = find_person(each).name
            self.world.telephones.rung.append(Ring(app_id, by, each, name, entry.text, entry.id))
        self.world.history.publish(app_id, "connection", None)
        return {"invalid_user_id_list": invalid}

    def show(self, call: Call) -> dict[str, Any]:
        """One message, of a person or the bot."""
        return {"items": [self._describe(self._find(call))]}

    def _find(self, call: Call) -> Entry:
        entry = self.world.find_message(call.app.app_id, call.request.match_info["message_id"])
        if entry is None:
            raise Refusal(BAD_PARAMETER, "Your request contains an invalid request parameter: message_id")
        return entry

    def _find_receiver(self, call: Call, kind: str, receiver: str) -> Chat:
        app_id = call.app.app_id
        if kind == "chat_id":
            chat = self.world.chats.get((app_id, receiver))
            if chat is None:
                raise Refusal(NOT_IN_CHAT, "Bot is NOT in the chat.")
            return chat
        if kind == "open_id" and receiver in self.world.users.get(app_id, ()):
            return self.world.open_direct(app_id, receiver)
        raise Refusal(BAD_PARAMETER, "Your request contains an invalid request parameter: receive_id")

    def _send(self, call: Call, chat: Chat, route: str, parent: str) -> dict[str, Any]:
        uuid = str(call.body.get("uuid") or "")
        if len(uuid) > LONGEST_UUID:
            raise Refusal(99992402, "field validation failed: uuid")
        known = self._find_sent(call.app.app_id, uuid)
        if known is not None:
            self.world.calls["uuid_repeated"] += 1
            return self._describe(known)
        msg_type, content = call.read_text("msg_type"), call.read_text("content")
        entity = (
            self.cardkit.find_for_message(call.app.app_id, content) if msg_type == "interactive" else None
        )
        entry = self._build(call, chat, msg_type, dump(entity.card) if entity else content)
        if not self.world.limits.admit_message(chat.chat_id):
            raise refuse_too_often()
        entry.route, entry.reply_to = route, parent
        if entity:
            entity.entry, entry.card = entry, entity.card_id
        self.world.history.add(entry)
        if uuid:
            self.sent[call.app.app_id, uuid] = (entry.id, time.monotonic())
        return self._describe(entry)

    def _build(self, call: Call, chat: Chat, msg_type: str, content: str) -> Entry:
        in_thread = bool(call.body.get("reply_in_thread"))
        return Entry(
            id=mint("om_"),
            client_id=call.app.app_id,
            conversation_id=chat.chat_id,
            sender=call.app.app_id,
            msgtype=msg_type,
            text=_check(msg_type, content),
            raw={"content": content, "uuid": str(call.body.get("uuid") or ""), "reply_in_thread": in_thread},
        )

    def _find_sent(self, app_id: str, uuid: str) -> Entry | None:
        message_id, at = self.sent.get((app_id, uuid), ("", 0.0))
        fresh = time.monotonic() - at < self.world.options.uuid_ttl_s
        return self.world.find_message(app_id, message_id) if message_id and fresh else None

    def _describe(self, entry: Entry) -> dict[str, Any]:
        of_bot = bool(entry.route)
        return {
            "message_id": entry.id,
            "root_id": entry.reply_to,
            "parent_id": entry.reply_to,
            "msg_type": entry.msgtype,
            "create_time": str(entry.at),
            "update_time": str(now_ms()),
            "deleted": False,
            "updated": bool(entry.raw.get("updates")),
            "chat_id": entry.conversation_id,
            "sender": {
                "id": entry.sender,
                "id_type": "app_id" if of_bot else "open_id",
                "sender_type": "app" if of_bot else "user",
                "tenant_key": self.world.options.tenant_key,
            },
            "body": {"content": entry.raw.get("content", "")},
        }


def _check(msg_type: str, content: str) -> str:
    """The readable text of what a bot wants to send. Refusal for what Feishu refuses."""
    if msg_type not in KINDS:
        raise Refusal(BAD_PARAMETER, "Your request contains an invalid request parameter: msg_type")
    if len(content.encode("utf-8", "surrogatepass")) > LONGEST.get(msg_type, LONGEST_RICH):
        raise Refusal(TOO_LONG, "The length of the message content reaches its limit.")
    try:
        text = _read_interactive(content) if msg_type == "interactive" else extract_text(msg_type, content)
    except (ValueError, KeyError, RecursionError) as error:
        code = CARD_REFUSED if msg_type == "interactive" else BAD_PARAMETER
        raise Refusal(code, "content is not a json string of the msg_type") from error
    if msg_type == "text" and not text.strip():
        raise Refusal(BAD_PARAMETER, "text is empty")
    return text


def _read_interactive(content: str) -> str:
    """Of a card in JSON 2.0 what is to be read on it; of any other, all its texts."""
    card = json.loads(content)
    if isinstance(card, dict) and card.get("schema") == "2.0":
        return read_words(check_card(content))
    return extract_text("interactive", content)


def read_card(entry: Entry) -> Any:
    """The card as last shown."""
    return json.loads(entry.raw["content"]) if entry.msgtype == "interactive" else None
