"""Messages of the bot: answers to a message, and messages to a chat or a person."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from feishu_integration.openapi.api import FeishuApi

PATH: Final = "/open-apis/im/v1/messages"


class FeishuMessages:
    """Everything goes out as a post with Markdown. ``uuid`` is Feishu's key against sending twice, for an hour."""

    def __init__(self, api: FeishuApi) -> None:
        self._api = api

    async def reply(self, message_id: str, title: str, markdown: str, uuid: str) -> str:
        """Answer a message where it was said; the new message's id."""
        body = {**_post(title, markdown), "uuid": uuid}
        return _ident(await self._api.call("POST", f"{PATH}/{quote(message_id, safe='')}/reply", body))

    async def send(self, kind: str, receiver: str, title: str, markdown: str, uuid: str) -> str:
        """Say something to a ``chat_id`` or an ``open_id``; the message's id."""
        body = {"receive_id": receiver, **_post(title, markdown), "uuid": uuid}
        return _ident(await self._api.call("POST", f"{PATH}?receive_id_type={kind}", body))

    async def send_file(self, kind: str, receiver: str, file_key: str, uuid: str) -> str:
        """An uploaded file, to a ``chat_id`` or an ``open_id``; the message's id."""
        content = json.dumps({"file_key": file_key})
        body = {"receive_id": receiver, "msg_type": "file", "content": content, "uuid": uuid}
        return _ident(await self._api.call("POST", f"{PATH}?receive_id_type={kind}", body))

    async def read(self, message_id: str) -> Mapping[str, Any]:
        """One message of a chat that the bot is in; {} if Feishu has none."""
        data = await self._api.call("GET", f"{PATH}/{quote(message_id, safe='')}")
        items = data.get("items")
        first = items[0] if isinstance(items, list) and items else None
        return first if isinstance(first, dict) else {}


def _post(title: str, markdown: str) -> dict[str, str]:
    words = {"title": title, "content": [[{"tag": "md", "text": markdown}]]}
    return {"msg_type": "post", "content": json.dumps({"zh_cn": words}, ensure_ascii=False)}


def _ident(data: Mapping[str, Any]) -> str:
    return str(data.get("message_id") or "")[:200]
