"""Card entities (cardkit v1): one that grows while its stream is open, and is replaced as a whole at the end.

An entity is sent in one message, lives 14 days, takes 10 operations a second. Every operation has a ``sequence``, a
positive int32 above all earlier ones. Source: open.feishu.cn, cardkit-v1.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bifang.core.errors import RemoteError
from feishu_integration.openapi.api import FeishuApi

PATH: Final = "/open-apis/cardkit/v1/cards"
SEQUENCE_FELL: Final = "300317"
# 10 minutes after it was opened, or when idle for long, Feishu closes a stream by itself.
STREAM_CLOSED: Final = frozenset({"200850", "300309"})


class CardKit:
    """Cards are JSON 2.0. All raise RateLimited or RemoteError."""

    def __init__(self, api: FeishuApi) -> None:
        self._api = api

    async def create(self, card: Mapping[str, Any]) -> str:
        """A new entity's id; nobody sees it before it is sent."""
        data = await self._api.call("POST", PATH, _card(card))
        card_id = data.get("card_id")
        if not isinstance(card_id, str) or not card_id:
            raise RemoteError(
                "飞书没有返回卡片 ID，改用文字消息。", permanent=True, status=200, code="bad_answer"
            )
        return card_id

    async def show(self, card_id: str, element_id: str, text: str, sequence: int) -> None:
        """The whole text so far of one Markdown element, while the stream is open."""
        path = f"{_path(card_id)}/elements/{quote(element_id, safe='')}/content"
        await self._api.call("PUT", path, {"content": text or " ", "sequence": sequence})

    async def end_stream(self, card_id: str, sequence: int) -> None:
        """It grows no more."""
        settings = json.dumps({"config": {"streaming_mode": False}})
        await self._api.call(
            "PATCH", f"{_path(card_id)}/settings", {"settings": settings, "sequence": sequence}
        )

    async def replace(self, card_id: str, card: Mapping[str, Any], sequence: int) -> None:
        """Show another card in its place."""
        await self._api.call("PUT", _path(card_id), {"card": _card(card), "sequence": sequence})


def _path(card_id: str) -> str:
    return f"{PATH}/{quote(card_id, safe='')}"


def _card(card: Mapping[str, Any]) -> dict[str, str]:
    return {"type": "card_json", "data": json.dumps(card, ensure_ascii=False)}
