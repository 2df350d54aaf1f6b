"""Files: those that people sent are read where they were said; ours are uploaded and then sent by their key."""

from collections.abc import Callable
from io import BytesIO
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

import aiohttp

from bifang.core.errors import RemoteError
from feishu_integration.openapi.api import FeishuApi
from feishu_integration.openapi.messages import PATH

UPLOADS: Final = "/open-apis/im/v1/files"  # scope im:resource or im:resource:upload
MAX_FILE: Final = 30 * 1024 * 1024
_KINDS: Final = {
    ".pdf": "pdf",
    ".doc": "doc",
    ".docx": "doc",
    ".xls": "xls",
    ".xlsx": "xls",
    ".ppt": "ppt",
    ".pptx": "ppt",
}


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

    async def upload(self, content: bytes, name: str) -> str:
        """The file_key of a message of type file. RemoteError for what Feishu takes no file of: nothing, or over 30 MB."""
        if not 0 < len(content) <= MAX_FILE:
            text = f"文件「{name}」是空的，或超过飞书 {MAX_FILE >> 20} MB 的上限，没有发送。"
            raise RemoteError(text, permanent=True)

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            made.add_field("file_type", _KINDS.get(PurePath(name).suffix.lower(), "stream"))
            made.add_field("file_name", name)
            made.add_field("file", BytesIO(content), filename=name, content_type="application/octet-stream")
            return made

        key = (await self._api.upload(UPLOADS, form)).get("file_key")
        if not isinstance(key, str) or not key:
            text = "飞书没有返回文件编号，稍后自动重试。"
            raise RemoteError(text, permanent=False, status=200, code="bad_answer")
        return key
