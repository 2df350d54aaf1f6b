"""Files: upload for sending, download of what people sent."""

from collections.abc import Callable
from io import BytesIO
from typing import Final, Literal
from urllib.parse import quote

import aiohttp

from bifang.core.errors import RemoteError
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.errors import StaleToken, check_legacy

MAX_FILE: Final = 20 * 1024 * 1024
TRANSFER_TIMEOUT_S: Final = 60.0

MediaKind = Literal["image", "voice", "video", "file"]


class Media:
    """Uploads go to the OAPI host, which the SDK cannot redirect; downloads to a short-lived signed address."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api

    async def upload(
        self,
        content: bytes,
        filename: str,
        kind: MediaKind = "image",
        *,
        content_type: str = "application/octet-stream",
    ) -> str:
        """The media_id for sampleImageMsg, sampleFile, …"""
        try:
            return await self._upload_once(content, filename, kind, content_type)
        except StaleToken:
            return await self._upload_once(content, filename, kind, content_type)

    async def _upload_once(self, content: bytes, filename: str, kind: MediaKind, content_type: str) -> str:
        application = self._api.application
        token = await self._api.tokens.get()
        form = aiohttp.FormData()
        form.add_field("type", kind)
        form.add_field("media", BytesIO(content), filename=filename, content_type=content_type)
        url = f"{application.endpoints.oapi}/media/upload?access_token={quote(token, safe='')}"
        response = await self._api.http.request(
            "POST", url, form=form, timeout=TRANSFER_TIMEOUT_S, proxy=application.proxy
        )
        try:
            with self._api.meter.metering("base"):
                answer = check_legacy(response)
        except StaleToken:
            self._api.tokens.invalidate(token)
            raise
        if not answer.get("media_id"):
            raise RemoteError(
                "钉钉没有返回文件编号，上传失败。", permanent=False, status=200, code="bad_answer"
            )
        return str(answer["media_id"])

    async def download_url(self, download_code: str, *, robot_code: str = "") -> str:
        """A signed address for a downloadCode of a message; a secret, valid for a short time."""
        body = {"downloadCode": download_code, "robotCode": robot_code or self._api.application.robot}
        answer = await self._api.call("POST", "/v1.0/robot/messageFiles/download", body)
        url = answer.get("downloadUrl")
        if not isinstance(url, str) or not url:
            raise RemoteError("钉钉没有返回下载地址。", permanent=False, status=200, code="bad_answer")
        return url

    async def download(
        self,
        download_code: str,
        take: Callable[[bytes], object],
        *,
        robot_code: str = "",
        max_bytes: int = MAX_FILE,
    ) -> None:
        """Give the file to ``take`` piece by piece. RemoteError(code="too_large") over ``max_bytes``."""
        url = await self.download_url(download_code, robot_code=robot_code)
        response = await self._api.http.request(
            "GET", url, timeout=TRANSFER_TIMEOUT_S, proxy=self._api.application.proxy, max_bytes=max_bytes,
            sink=take,
        )  # fmt: skip
        if response.status != 200:
            raise RemoteError(
                f"文件下载失败（HTTP {response.status}）：下载地址可能已过期，请重新发送文件。",
                permanent=response.status < 500,
                status=response.status,
                code=f"http_{response.status}",
            )
