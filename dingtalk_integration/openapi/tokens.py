"""Access tokens: one per application, fetched once however many ask."""

import asyncio
import time
from typing import Final

from bifang.core.errors import RemoteError
from bifang.core.outbound.http import DEFAULT_TIMEOUT, HttpClient, Response
from dingtalk_integration.openapi.application import Application, Meter
from dingtalk_integration.openapi.errors import StaleToken, check_openapi

EARLY_S: Final = 300.0


class Tokens:
    """Used within one event loop. A token is renewed 5 minutes (at most half its life) before it ends."""

    def __init__(self, http: HttpClient, application: Application, meter: Meter | None = None) -> None:
        self._http = http
        self._meter = meter or Meter()
        self._application = application
        self._token = ""
        self._until = 0.0
        self._flight: asyncio.Task[str] | None = None

    async def get(self) -> str:
        """A valid token. BadCredentials or RemoteError if there is none."""
        if self._token and time.monotonic() < self._until:
            return self._token
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch())
            self._flight.add_done_callback(_retrieve)
        return await asyncio.shield(self._flight)  # one impatient caller must not cancel the others'

    def invalidate(self, token: str) -> None:
        """``token`` was refused; a newer one is left alone."""
        if token == self._token:
            self._token = ""

    async def _fetch(self) -> str:
        answer = await ask(self._http, self._application)
        with self._meter.metering("base"):
            self._token, life = open_answer(answer)
        self._until = time.monotonic() + max(life - EARLY_S, life / 2)
        return self._token


async def ask(
    http: HttpClient,
    application: Application,
    *,
    timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - passed on to the HTTP client
) -> Response:
    """DingTalk's answer to the request for a token, whatever it is. RemoteError if there is none."""
    return await http.request(
        "POST",
        f"{application.endpoints.api}/v1.0/oauth2/accessToken",
        json={"appKey": application.client_id, "appSecret": application.client_secret},
        headers={"Accept": "application/json"},
        timeout=timeout,
        proxy=application.proxy,
    )


def open_answer(response: Response) -> tuple[str, float]:
    """The token and its life in seconds. BadCredentials or RemoteError."""
    try:
        answer = check_openapi(response)
    except StaleToken as error:
        raise error.as_bad_credentials() from None
    token, seconds = answer.get("accessToken"), answer.get("expireIn")
    if not isinstance(token, str) or not token:
        raise RemoteError(
            "钉钉没有返回访问令牌，稍后自动重试。", permanent=False, status=200, code="bad_answer"
        )
    return token, float(seconds) if isinstance(seconds, (int, float)) else 7200.0


def _retrieve(task: asyncio.Task[str]) -> None:
    """Without this, a failure that every caller gave up waiting for is reported as never retrieved."""
    if not task.cancelled():
        task.exception()
