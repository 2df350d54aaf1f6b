"""The robot itself. Source: open.feishu.cn, bot-v3; needs no scope."""

from typing import Final

from feishu_integration.openapi.api import FeishuApi

BOT_PATH: Final = "/open-apis/bot/v3/info"


class FeishuBot:
    """One application's."""

    def __init__(self, api: FeishuApi) -> None:
        self._api = api
        self._open_id = ""

    async def open_id(self) -> str:
        """As mentions name it; asked for once. "" if Feishu does not say. RateLimited, RemoteError."""
        if not self._open_id:
            bot = (await self._api.call("GET", BOT_PATH)).get("bot")
            self._open_id = str(bot.get("open_id") or "") if isinstance(bot, dict) else ""
        return self._open_id
