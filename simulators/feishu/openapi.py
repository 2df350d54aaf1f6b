"""What every OpenAPI call goes through: faults, tenant_access_token, limits, JSON; and the tokens themselves.

Answers are ``{"code": 0, "msg": "success", "data": {…}}``; errors HTTP 400 with a code, too many calls 429 with 99991400
and ``x-ogw-ratelimit-reset``.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bifang.core.errors import BifangError, InvalidInput
from simulators.exchanges import read_object
from simulators.values import mint

from .options import App
from .world import World

TOO_OFTEN, TOKEN_MISSING, TOKEN_INVALID = 99991400, 99991661, 99991663
BAD_FIELD, BAD_PARAMETER, NOT_IN_CHAT = 99992402, 230001, 230002
RENEWED_BEFORE_S = 1800.0  # a token with more life left is given out again
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(BifangError):
    """An error answer of the OpenAPI."""

    def __init__(self, code: int, message: str, status: int = 400, **headers: str) -> None:
        super().__init__(message, permanent=True)
        self.code, self.status = code, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> web.Response:
        """As sent."""
        body = {"code": self.code, "msg": self.message, "log_id": mint("")}
        return web.json_response(body, status=self.status, headers=self.headers)


def refuse_too_often(reset_s: int = 1) -> Refusal:
    """Over a limit."""
    return Refusal(
        TOO_OFTEN,
        "request trigger frequency limit",
        429,
        x_ogw_ratelimit_reset=str(reset_s),
        x_ogw_ratelimit_limit="50",
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call."""

    app: App
    body: dict[str, Any]
    request: web.Request

    def read_text(self, name: str, longest: int = 200_000) -> str:
        """A required text of the body. Refusal."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value or len(value) > longest:
            raise Refusal(BAD_FIELD, f"field validation failed: {name}")
        return value


Operation = Callable[[Call], dict[str, Any]]


@dataclass(slots=True)
class OpenApi:
    """Guards operations and issues tokens. ``tokens``: (app id, monotonic expiry)."""

    world: World
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """The token endpoint, what the bot knows of itself, and whose it is."""
        return [
            web.post("/open-apis/auth/v3/tenant_access_token/internal", self.issue),
            web.get("/open-apis/bot/v3/info", self.guard(self.show_bot, flat=True)),
            web.get("/open-apis/tenant/v2/tenant/query", self.guard(self.show_tenant)),
        ]

    def guard(self, operation: Operation, *, flat: bool = False) -> Handler:
        """An endpoint that runs `operation` for calls that are allowed."""

        async def answered(call: Call) -> web.StreamResponse:
            answer, request = operation(call), call.request
            if self.world.faults.take("openapi_lost", call.app.app_id, request.path) and request.transport:
                request.transport.abort()
            return web.json_response({"code": 0, "msg": "success", **(answer if flat else {"data": answer})})

        return self.serve(answered)

    def serve(self, answered: Callable[[Call], Awaitable[web.StreamResponse]]) -> Handler:
        """The same for what is no JSON."""

        async def handle(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            app_id = self._find_owner(token)
            try:
                await self._strike(request, app_id)
                return await answered(await self._admit(request, token, app_id))
            except Refusal as refusal:
                return refusal.answer()

        return handle

    async def issue(self, request: web.Request) -> web.StreamResponse:
        """``{app_id, app_secret}`` → ``{code, msg, tenant_access_token, expire}``."""
        try:
            body = await _read_body(request)
            app_id = str(body.get("app_id") or "")
            await self._strike(request, app_id)
        except Refusal as refusal:
            return refusal.answer()
        self.world.calls["tenant_access_token"] += 1
        app = self.world.apps.get(app_id)
        if app is None or body.get("app_secret") != app.secret:
            return web.json_response({"code": 10014, "msg": "app secret invalid"})
        token, expires = self._issue(app_id)
        left = max(1, int(expires - time.monotonic()))
        return web.json_response({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": left})

    def show_bot(self, call: Call) -> dict[str, Any]:
        """Name and open_id of the bot."""
        return {"bot": {"activate_status": 2, "app_name": call.app.name, "open_id": call.app.open_id}}

    def show_tenant(self, call: Call) -> dict[str, Any]:
        """The organisation; the real one asks for the permission tenant:tenant:readonly."""
        return {"tenant": {"name": "演示企业", "tenant_key": self.world.options.tenant_key}}

    def _issue(self, app_id: str) -> tuple[str, float]:
        now = time.monotonic()
        for token, (owner, expires) in self.tokens.items():
            if owner == app_id and expires - now > RENEWED_BEFORE_S:
                return token, expires
        token, expires = mint("t-"), now + self.world.options.token_ttl_s
        self.tokens[token] = (app_id, expires)
        return token, expires

    def _find_owner(self, token: str) -> str:
        app_id, expires = self.tokens.get(token, ("", 0.0))
        return app_id if expires > time.monotonic() else ""

    async def _strike(self, request: web.Request, app_id: str) -> None:
        faults, path = self.world.faults, request.path
        await faults.stall("openapi", app_id, self.world.stopping, path)
        status = faults.take("openapi_status", app_id, path)
        if status:
            raise Refusal(2200 if int(status) >= 500 else 9499, f"故障注入 {status}", int(status))
        reset_s = faults.take("openapi_limit", app_id, path)
        if reset_s:
            raise refuse_too_often(int(reset_s))
        code = faults.take("openapi_code", app_id, path)
        if code:
            raise Refusal(int(code), f"故障注入 {code}")

    async def _admit(self, request: web.Request, token: str, app_id: str) -> Call:
        if not token:
            raise Refusal(TOKEN_MISSING, "Missing access token for authorization.")
        if app_id and self.world.faults.take("token_invalid", app_id, request.path):
            self.tokens.pop(token)
            app_id = ""
        if not app_id:
            raise Refusal(TOKEN_INVALID, "Invalid access token for authorization.")
        resource = request.match_info.route.resource
        api = f"{request.method} {resource.canonical if resource else request.path}"
        if not self.world.limits.admit_call(app_id, api):
            raise refuse_too_often()
        self.world.calls[api] += 1
        if request.content_type == "multipart/form-data":
            return Call(self.world.apps[app_id], dict(await request.post()), request)
        body = {} if request.method == "GET" else await _read_body(request)
        return Call(self.world.apps[app_id], body, request)


async def _read_body(request: web.Request) -> dict[str, Any]:
    try:
        return await read_object(request)
    except InvalidInput as error:
        raise Refusal(9499, "Bad Request: invalid JSON") from error
