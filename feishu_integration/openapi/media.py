"""Files that people sent: read where they were said."""

from collections.abc import Callable
from urllib.parse import quote

from feishu_integration.openapi.api import FeishuApi
from feishu_integration.openapi.messages import PATH


class FeishuMedia:
    """A file belongs to its message: the bot can read what was said in its chats, 100 MB at most."""

    def __init__(self, api: FeishuApi) -> None:
        self._api = api

    async def download(
        self, message_id: str, file_key: str, take: Callable[[bytes], object], max_bytes: int
    ) -> None:
        """Give the file to ``take`` piece by piece. RemoteError(code="too_large") over ``max_bytes``."""
        path = f"{PATH}/{quote(message_id, safe='')}/resources/{quote(file_key, safe='')}?type=file"
        await self._api.download(path, take, max_bytes)
