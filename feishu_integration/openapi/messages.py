"""Messages of the bot: answers to a message, and messages to a chat or a person."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from bifang.core.errors import RemoteError
from feishu_integration.openapi.api import FeishuApi

PATH: Final = "/open-apis/im/v1/messages"
Message = Mapping[str, str]  # {msg_type, content}
UrgentBy = Literal["app", "sms", "phone"]


@dataclass(frozen=True, slots=True)
class MessageAddress:
    """Where a message goes: as an answer to the message ``ident``, or to a chat or person of that id."""

    kind: Literal["reply", "chat_id", "open_id"]
    ident: str


class FeishuMessages:
    """``uuid`` is Feishu's key against sending twice, for an hour. All raise RateLimited or RemoteError."""

    def __init__(self, api: FeishuApi) -> None:
        self._api = api

    async def send(self, to: MessageAddress, message: Message, uuid: str) -> str:
        """Say something; the new message's id."""
        if to.kind == "reply":
            path, body = _path(to.ident) + "/reply", {**message, "uuid": uuid}
        else:
            path, body = (
                f"{PATH}?receive_id_type={to.kind}",
                {"receive_id": to.ident, **message, "uuid": uuid},
            )
        return str((await self._api.call("POST", path, body)).get("message_id") or "")[:200]

    async def replace(self, message_id: str, card: Message) -> None:
        """Show another card in a message of ours, for 14 days after it was sent."""
        await self._api.call("PATCH", _path(message_id), {"content": card["content"]})

    async def urge(self, message_id: str, loud: UrgentBy, open_id: str) -> None:
        """加急 a message of ours for one person. RemoteError(code="invalid_user_id_list") where Feishu does not reach them."""
        path = f"{_path(message_id)}/urgent_{loud}?user_id_type=open_id"
        data = await self._api.call("PATCH", path, {"user_id_list": [open_id]})
        if data.get("invalid_user_id_list"):
            text = "飞书叫不到这个人：他不在这个会话里，或已不在企业内。"
            raise RemoteError(text, permanent=True, status=200, code="invalid_user_id_list")

    async def read(self, message_id: str) -> Mapping[str, Any]:
        """One message of a chat that the bot is in; {} if Feishu has none."""
        data = await self._api.call("GET", _path(message_id))
        items = data.get("items")
        first = items[0] if isinstance(items, list) and items else None
        return first if isinstance(first, dict) else {}


def post(markdown: str, at: str = "") -> Message:
    """A text message with Markdown; ``at``: the open_id of somebody to mention. No title: Feishu would show it above."""
    lines = [[{"tag": "md", "text": markdown}]]
    if at:
        lines.insert(0, [{"tag": "at", "user_id": at}])
    return _message("post", {"zh_cn": {"title": "", "content": lines}})


def interactive(card: Mapping[str, Any]) -> Message:
    """A card in the message itself."""
    return _message("interactive", card)


def entity(card_id: str) -> Message:
    """The one message that shows a card entity."""
    return _message("interactive", {"type": "card", "data": {"card_id": card_id}})


def file_message(file_key: str) -> Message:
    """A file that was uploaded."""
    return _message("file", {"file_key": file_key})


def _message(kind: str, content: Mapping[str, Any]) -> Message:
    return {"msg_type": kind, "content": json.dumps(content, ensure_ascii=False)}


def _path(message_id: str) -> str:
    return f"{PATH}/{quote(message_id, safe='')}"
