"""Calls of Feishu's OpenAPI: the token, error mapping, one retry when the token went stale."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bifang.core.errors import RemoteError
from bifang.core.http import HttpClient
from feishu_integration.openapi.errors import StaleTenantToken, bad_credentials, check_answer

TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105 - a path
EARLY_S: Final = 300.0


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
        try:
            answer = await self._call_once(method, path, body)
        except StaleTenantToken:
            answer = await self._call_once(method, path, body)
        data = answer.get("data")
        return data if isinstance(data, dict) else answer

    async def _call_once(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        token = await self._valid_token()
        try:
            return await self._request(method, path, body, {"Authorization": f"Bearer {token}"})
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
            answer = await self._request("POST", TOKEN_PATH, keys, {})
        except RemoteError as error:
            raise bad_credentials(error) from None
        token, seconds = answer.get("tenant_access_token"), answer.get("expire")
        if not isinstance(token, str) or not token:
            text = "飞书没有返回访问令牌，稍后自动重试。"
            raise RemoteError(text, permanent=False, status=200, code="bad_answer")
        return token, float(seconds) if isinstance(seconds, int | float) else 7200.0

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        application = self._application
        url = application.base.rstrip("/") + path
        return check_answer(
            await self._http.request(method, url, json=body, headers=headers, proxy=application.proxy)
        )
