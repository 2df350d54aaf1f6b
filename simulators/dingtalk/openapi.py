"""What every OpenAPI call goes through: faults, token, quota, JSON; and the tokens themselves.

Errors are HTTP 4xx/5xx with ``{"code", "message", "requestid"[, "accessdenieddetail"]}``; too many calls are a 403,
not a 429.
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bifang.core.errors import BifangError
from simulators.values import mint

from .gateway import answer_error
from .options import Robot
from .world import World

TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - the name of a header
QPS = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
QUOTA = "Forbidden.AccessDenied.ApiCountLimitForOrg"
SCOPE = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(BifangError):
    """An error answer of the OpenAPI."""

    def __init__(self, status: int, code: str, message: str = "", **rest: Any) -> None:
        super().__init__(message or code, permanent=True)
        self.status = status
        self.code = code
        self.rest = rest


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call."""

    robot: Robot
    body: dict[str, Any]
    request: web.Request

    def need(self, *names: str) -> list[Any]:
        """Those fields of the body. Refusal 400 if one is missing or empty."""
        for name in names:
            if self.body.get(name) in (None, "", [], {}):
                raise Refusal(400, f"invalidParameter.{name}.empty", f"缺少参数 {name}")
        return [self.body[name] for name in names]

    def check_robot_code(self) -> None:
        """Refusal 400 unless robotCode is that of the token's application."""
        (code,) = self.need("robotCode")
        if code != self.robot.client_id:
            raise Refusal(400, "invalidParameter.robotCode.invalid", "robotCode 与应用不符")


Operation = Callable[[Call], dict[str, Any]]


@dataclass(slots=True)
class Tokens:
    """Access tokens by value: (client id, monotonic expiry)."""

    ttl_s: float
    known: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, client_id: str) -> str:
        """A new token."""
        token = mint("token-")
        self.known[token] = (client_id, time.monotonic() + self.ttl_s)
        return token

    def owner(self, token: str) -> str:
        """The application of a valid token; empty otherwise."""
        client_id, expires = self.known.get(token, ("", 0.0))
        return client_id if expires > time.monotonic() else ""

    def forget(self, token: str) -> None:
        """Make a token invalid."""
        self.known.pop(token, None)


@dataclass(slots=True)
class OpenApi:
    """Guards operations and issues tokens."""

    world: World
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.world.options.token_ttl_s)

    def routes(self) -> list[web.RouteDef]:
        """The token endpoints."""
        return [
            web.post("/v1.0/oauth2/accessToken", self.issue),
            web.post("/v1.0/oauth2/{corpId}/token", self.issue_by_corp),
            web.get("/gettoken", self.issue_legacy),
        ]

    def guard(self, operation: Operation) -> Handler:
        """An endpoint that runs `operation` for calls that are allowed."""

        async def handle(request: web.Request) -> web.StreamResponse:
            token = request.headers.get(TOKEN_HEADER, "")
            client_id = self.tokens.owner(token)
            try:
                await self.strike(request, client_id)
                call = await self._admit(request, token, client_id)
                answer = operation(call)
            except Refusal as refusal:
                return answer_error(refusal.status, refusal.code, refusal.message, **refusal.rest)
            if self.world.faults.take("openapi_lost", client_id, request.path) and request.transport:
                request.transport.abort()
            return web.json_response(answer)

        return handle

    async def strike(self, request: web.Request, client_id: str) -> None:
        """Do what the faults of the OpenAPI say. Refusal if one refuses."""
        faults, path = self.world.faults, request.path
        if not faults.active:
            return
        await faults.stall("openapi", client_id, self.world.stopping, path)
        status = faults.take("openapi_status", client_id, path)
        if status:
            code = "system.err" if int(status) >= 500 else "invalidParameter"
            raise Refusal(int(status), code, f"故障注入 {status}")
        if faults.take("openapi_qps", client_id, path):
            raise Refusal(403, QPS, "你的应用调用该接口的频率超过了 QPS 限制")
        if faults.take("openapi_quota", client_id, path):
            raise Refusal(403, QUOTA, "本企业本月的接口调用额度已用完")
        scope = faults.take("openapi_scope", client_id, path)
        if scope:
            scopes = scope if isinstance(scope, list) else [scope]
            raise Refusal(403, SCOPE, "应用尚未开通所需的权限", accessdenieddetail={"requiredScopes": scopes})

    async def _admit(self, request: web.Request, token: str, client_id: str) -> Call:
        if client_id and self.world.faults.take("token_401", client_id, request.path):
            self.tokens.forget(token)
            client_id = ""
        if not client_id:
            raise Refusal(401, "InvalidAuthentication", "不合法的 access_token")
        resource = request.match_info.route.resource
        api = f"{request.method} {resource.canonical if resource else request.path}"
        if not self.world.limits.admit_openapi(client_id, api):
            raise Refusal(403, QPS, "你的应用调用该接口的频率超过了 QPS 限制")
        self.world.calls[api] += 1
        self.world.metered["calls"] += 1
        return Call(self.world.robots[client_id], await read_body(request), request)

    async def issue(self, request: web.Request) -> web.StreamResponse:
        """``{appKey, appSecret}`` → ``{accessToken, expireIn}``."""
        return await self._issue(request, ("appKey", "appSecret"), ("accessToken", "expireIn"))

    async def issue_by_corp(self, request: web.Request) -> web.StreamResponse:
        """``{client_id, client_secret, grant_type}`` → ``{access_token, expires_in}``."""
        return await self._issue(request, ("client_id", "client_secret"), ("access_token", "expires_in"))

    async def issue_legacy(self, request: web.Request) -> web.StreamResponse:
        """``GET /gettoken?appkey&appsecret``: errors are in a 200."""
        client_id = request.query.get("appkey", "")
        if not self._knows(client_id, request.query.get("appsecret", "")):
            return web.json_response({"errcode": 40089, "errmsg": "不合法的corpid或corpsecret"})
        token, ttl = self.tokens.issue(client_id), int(self.tokens.ttl_s)
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": ttl})

    async def _issue(
        self, request: web.Request, asked: tuple[str, str], answered: tuple[str, str]
    ) -> web.StreamResponse:
        try:
            body = await read_body(request)
            client_id = str(body.get(asked[0]) or "")
            await self.strike(request, client_id)
        except Refusal as refusal:
            return answer_error(refusal.status, refusal.code, refusal.message, **refusal.rest)
        self.world.calls["accessToken"] += 1
        self.world.metered["calls"] += 1
        if not self._knows(client_id, body.get(asked[1])):
            return answer_error(401, "authFailed", "鉴权失败")
        return web.json_response(
            {answered[0]: self.tokens.issue(client_id), answered[1]: int(self.tokens.ttl_s)}
        )

    def _knows(self, client_id: str, secret: Any) -> bool:
        robot = self.world.robots.get(client_id)
        return robot is not None and robot.secret == secret


async def read_body(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Refusal 400."""
    if request.method == "GET":
        return dict(request.query)
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise Refusal(400, "invalidParameter.body", "请求正文不是合法的 JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalidParameter.body", "请求正文应是 JSON 对象")
    return body
