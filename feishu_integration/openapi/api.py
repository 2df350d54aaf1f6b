"""Calls of Feishu's OpenAPI: the token, error mapping, one retry when the token went stale."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from bifang.core.errors import RemoteError
from bifang.core.outbound.http import HttpClient, Response
from feishu_integration.openapi.errors import StaleTenantToken, bad_credentials, check_answer

TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105 - a path
EARLY_S: Final = 300.0
TRANSFER_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class FeishuApplication:
    """On whose behalf calls are made. ``proxy``: "" takes the environment's."""

    app_id: str
    app_secret: str = field(repr=False)
    base: str
    proxy: str = field(default="", repr=False)


class FeishuApi:
    """The door to one application's OpenAPI. Used within one event loop."""

    def __init__(self, http: HttpClient, application: FeishuApplication) -> None:
        self._http = http
        self._application = application
        self._token = ""
        self._until = 0.0
        self._fetching = asyncio.Lock()

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """``data`` of the answer; of older calls, which have none, the answer. RateLimited, BadCredentials, RemoteError."""
        answer = await self._send(method, path, json=body)
        data = answer.get("data")
        return data if isinstance(data, dict) else answer

    async def download(self, path: str, take: Callable[[bytes], object], max_bytes: int) -> None:
        """Give a file to ``take`` piece by piece. Errors as `call`; RemoteError(code="too_large") over ``max_bytes``."""
        await self._send("GET", path, sink=take, max_bytes=max_bytes, timeout=TRANSFER_TIMEOUT_S)

    async def upload(self, path: str, form: Callable[[], aiohttp.FormData]) -> dict[str, Any]:
        """As `call`, with a form, which is made anew for each try."""
        try:
            answer = await self._send_once("POST", path, form=form(), timeout=TRANSFER_TIMEOUT_S)
        except StaleTenantToken:
            answer = await self._send_once("POST", path, form=form(), timeout=TRANSFER_TIMEOUT_S)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    async def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The answer; a token that went stale is renewed once."""
        try:
            return await self._send_once(method, path, **options)
        except StaleTenantToken:
            return await self._send_once(method, path, **options)

    async def _send_once(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        token = await self._valid_token()
        headers = {"Authorization": f"Bearer {token}"}
        response = await self._request(method, path, headers=headers, **options)
        if "sink" in options and response.status == 200:
            return {}  # it was the file
        try:
            return check_answer(response)
        except StaleTenantToken:
            if token == self._token:
                self._token = ""
            raise

    async def _valid_token(self) -> str:
        """Fetched once, however many ask; renewed 5 minutes (at most half its life) before it ends."""
        async with self._fetching:
            if not self._token or time.monotonic() >= self._until:
                self._token, life = await self._fetch_token()
                self._until = time.monotonic() + max(life - EARLY_S, life / 2)
            return self._token

    async def _fetch_token(self) -> tuple[str, float]:
        keys = {"app_id": self._application.app_id, "app_secret": self._application.app_secret}
        try:
            answer = check_answer(await self._request("POST", TOKEN_PATH, json=keys))
        except RemoteError as error:
            raise bad_credentials(error) from None
        token, seconds = answer.get("tenant_access_token"), answer.get("expire")
        if not isinstance(token, str) or not token:
            text = "飞书没有返回访问令牌，稍后自动重试。"
            raise RemoteError(text, permanent=False, status=200, code="bad_answer")
        return token, float(seconds) if isinstance(seconds, int | float) else 7200.0

    async def _request(self, method: str, path: str, **options: Any) -> Response:
        url = self._application.base.rstrip("/") + path
        return await self._http.request(method, url, proxy=self._application.proxy, **options)
