"""Calls of the OpenAPI: token, headers, error mapping, one retry when the token went stale."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bifang.core.outbound.http import DEFAULT_TIMEOUT, HttpClient
from dingtalk_integration.openapi.application import Application, Meter
from dingtalk_integration.openapi.errors import StaleToken, check_openapi, not_twice
from dingtalk_integration.openapi.tokens import Tokens


class OpenApi:
    """The signed door to one application's OpenAPI; `Replies`, `Cards` and `Media` go through it.

    ``meter`` is told of what DingTalk answered.
    """

    def __init__(
        self,
        http: HttpClient,
        application: Application,
        tokens: Tokens | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.http = http
        self.application = application
        self.meter = meter or Meter()
        self.tokens = tokens or Tokens(http, application, self.meter)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - passed on to the HTTP client
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """The answer's JSON object. RateLimited, BadCredentials, RemoteError; see `errors`.

        OutcomeUnknown instead of a time-out for what is not ``repeatable``.
        """
        once = nullcontext if repeatable else not_twice
        try:
            return await self._call_once(method, path, body, timeout, once)
        except StaleToken:
            return await self._call_once(method, path, body, timeout, once)

    async def _call_once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        seconds: float,
        once: Callable[[], AbstractContextManager[None]],
    ) -> dict[str, Any]:
        token = await self.tokens.get()
        try:
            with once():
                response = await self.http.request(
                    method,
                    self.application.endpoints.api + path,
                    json=body,
                    headers={"Accept": "application/json", "x-acs-dingtalk-access-token": token},
                    timeout=seconds,
                    proxy=self.application.proxy,
                )
                with self.meter.metering("card" if path.startswith("/v1.0/card/") else "robot"):
                    return check_openapi(response)
        except StaleToken:
            self.tokens.invalidate(token)
            raise
