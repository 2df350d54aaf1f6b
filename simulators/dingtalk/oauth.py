"""Sign-in with DingTalk (the page where people agree, the code, the person's token, who that is), and the address book.

The real page has people scan a code; here one picks who one is, and of which corporation.
"""

import html
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from simulators.room.page import SECURITY
from simulators.values import mint

from .gateway import answer_error
from .openapi import TOKEN_HEADER, OpenApi, Refusal, read_body
from .options import Robot
from .people import CORP_ID, OUTSIDER_CORP_ID, Person
from .world import World

CODE_TTL_S = 300.0
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
CORPORATIONS = {CORP_ID: "演示企业", OUTSIDER_CORP_ID: "另一个企业"}
PASSED_ON = ("client_id", "redirect_uri", "response_type", "scope", "state")


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody agreed to: for one application, in one corporation. ``until``: monotonic."""

    client_id: str
    key: str
    corp_id: str
    until: float


@dataclass(slots=True)
class OAuth:
    """The endpoints. A code is good once; a person's token is none of the application's."""

    world: World
    openapi: OpenApi
    codes: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Grant] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.get("/oauth2/auth", self.show),
            web.get("/oauth2/agree", self.agree),
            web.post("/v1.0/oauth2/userAccessToken", self.issue),
            web.get("/v1.0/contact/users/me", self.describe),
            web.post("/topapi/user/getbyunionid", self.find),
            web.post("/topapi/v2/user/get", self.member),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page: ``client_id``, ``redirect_uri``, ``response_type=code``, ``scope``, ``state``."""
        try:
            robot = self._check(request)
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.message)
        text = _page(robot, list(self.world.people.people.values()), request)
        return web.Response(text=text, content_type="text/html", headers=SECURITY)

    async def agree(self, request: web.Request) -> web.StreamResponse:
        """Back to the application: ``person`` and ``corp_id`` agreed, without a person they declined."""
        try:
            robot = self._check(request)
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.message)
        person = self.world.people.people.get(request.query.get("person", ""))
        told = {"state": request.query.get("state", "")}
        if person is None:
            raise web.HTTPFound(_with(request.query["redirect_uri"], {"error": "access_denied", **told}))
        corp_id = request.query.get("corp_id") or person.corp_id
        code = mint("code-")
        self.codes[code] = Grant(robot.client_id, person.key, corp_id, time.monotonic() + CODE_TTL_S)
        raise web.HTTPFound(_with(request.query["redirect_uri"], {"authCode": code, "code": code, **told}))

    def _check(self, request: web.Request) -> Robot:
        query = request.query
        robot = self.world.robots.get(query.get("client_id", ""))
        if robot is None:
            raise Refusal(400, "client_id", "client_id 不是已创建的应用")
        if (urlsplit(query.get("redirect_uri", "")).hostname or "") not in LOCAL:
            raise Refusal(
                400, "redirect_uri", "redirect_uri 不是这个应用登记的地址（模拟器只接受本机的地址）"
            )
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            raise Refusal(400, "response_type", "response_type 应为 code，scope 应含 openid")
        return robot

    async def issue(self, request: web.Request) -> web.StreamResponse:
        """``{clientId, clientSecret, code, grantType}`` → ``{accessToken, refreshToken, expireIn, corpId}``."""
        try:
            body = await read_body(request)
            client_id = str(body.get("clientId") or "")
            await self.openapi.strike(request, client_id)
        except Refusal as refusal:
            return answer_error(refusal.status, refusal.code, refusal.message, **refusal.rest)
        self.world.metered["calls"] += 1
        robot = self.world.robots.get(client_id)
        if robot is None or robot.secret != body.get("clientSecret"):
            return answer_error(401, "authFailed", "鉴权失败")
        grant = self.codes.get(str(body.get("code") or ""))
        if body.get("grantType") != "authorization_code" or not _good(grant, client_id):
            return answer_error(400, "invalidParameter.authCode.notFound", "不合法的临时授权码")
        del self.codes[str(body["code"])]
        assert grant is not None
        token = mint("user-token-")
        self.tokens[token] = Grant(client_id, grant.key, grant.corp_id, time.monotonic() + 7200)
        told = {
            "accessToken": token,
            "refreshToken": mint("refresh-"),
            "expireIn": 7200,
            "corpId": grant.corp_id,
        }
        return web.json_response(told)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """``{nick, unionId, openId}`` of whose token it is. No userId: that is a corporation's."""
        grant = self.tokens.get(request.headers.get(TOKEN_HEADER, ""))
        try:
            await self.openapi.strike(request, grant.client_id if grant else "")
        except Refusal as refusal:
            return answer_error(refusal.status, refusal.code, refusal.message, **refusal.rest)
        self.world.metered["calls"] += 1
        person = self.world.people.people.get(grant.key) if grant and grant.until > time.monotonic() else None
        if grant is None or person is None:
            return answer_error(401, "InvalidAuthentication", "不合法的 access_token")
        open_id = f"open-{person.union_id[-8:]}-{grant.client_id}"
        return web.json_response({"nick": person.name, "unionId": person.union_id, "openId": open_id})

    async def find(self, request: web.Request) -> web.StreamResponse:
        """``?access_token=`` (the application's), ``{unionid}`` → the userId here; errors are in a 200."""
        if not self.openapi.tokens.owner(request.query.get("access_token", "")):
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        self.world.metered["calls"] += 1
        person = self.world.people.find_union(str((await read_body(request)).get("unionid") or ""))
        if person is None:
            return web.json_response({"errcode": 60121, "errmsg": "找不到该用户"})
        # Somebody else's employee is in the address book as an external contact.
        found = {
            "contact_type": 0 if person.staff_id else 1,
            "userid": person.staff_id or f"ext-{person.key}",
        }
        return web.json_response({"errcode": 0, "errmsg": "ok", "result": found, "request_id": mint("")})

    async def member(self, request: web.Request) -> web.StreamResponse:
        """``?access_token=``, ``{userid}`` → who that is in the corporation; errors are in a 200."""
        if not self.openapi.tokens.owner(request.query.get("access_token", "")):
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        self.world.metered["calls"] += 1
        person = self.world.people.find_staff(str((await read_body(request)).get("userid") or ""))
        if person is None or person.corp_id != CORP_ID:
            return web.json_response({"errcode": 60121, "errmsg": "找不到该用户"})
        found = {
            "userid": person.staff_id, "name": person.name, "title": person.title, "unionid": person.union_id,
            "active": True, "admin": person.is_admin,
        }  # fmt: skip
        return web.json_response({"errcode": 0, "errmsg": "ok", "result": found, "request_id": mint("")})


def _good(grant: Grant | None, client_id: str) -> bool:
    return grant is not None and grant.client_id == client_id and grant.until > time.monotonic()


def _with(address: str, told: dict[str, str]) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *told.items()])))


def _page(robot: Robot, people: list[Person], request: web.Request) -> str:
    asked = {name: request.query.get(name, "") for name in PASSED_ON}

    def link(words: str, quiet: bool = False, **more: str) -> str:
        address = html.escape(f"/oauth2/agree?{urlencode({**asked, **more})}")
        return f'<a class="{"quiet" if quiet else "who"}" href="{address}">{html.escape(words)}</a>'

    rows = "".join(_row(person, link) for person in people)
    return (
        '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>钉钉登录 · 钉钉模拟器</title>'
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/static/frame.css">'
        '<link rel="stylesheet" href="/own/login.css"></head><body class="login"><main>'
        f"<h1>登录「{html.escape(robot.name)}」</h1>"
        "<p>真的钉钉在这里显示二维码；模拟器里请选择您是谁。应用将获得：您的个人信息（unionId）和您选的企业。</p>"
        f"<ul>{rows}</ul><p>{link('拒绝授权', quiet=True)}</p></main></body></html>"
    )


def _row(person: Person, link: Any) -> str:
    other = OUTSIDER_CORP_ID if person.corp_id == CORP_ID else CORP_ID
    mine = f"{person.name}（{person.title or '员工'}） · {CORPORATIONS.get(person.corp_id, person.corp_id)}"
    also = link(f"选「{CORPORATIONS[other]}」", quiet=True, person=person.key, corp_id=other)
    return f"<li>{link(mine, person=person.key)}{also}</li>"
