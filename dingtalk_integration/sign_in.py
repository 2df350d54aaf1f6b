"""用钉钉登录: whom DingTalk names, and who is listed and tied to a user, is let in. Nobody is made or guessed here.

What was asked for travels in the signed ``state``; it holds only in the browser that has the cookie of its nonce.
"""

import asyncio
import hashlib
import logging
import math
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from bifang.core.changes import Author, Change, record
from bifang.core.configuration import configs
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.logins import entry, lockout
from bifang.core.logins.doors import Door
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from bifang.core.requests.buckets import Failures
from bifang.core.requests.visitors import address_of
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import Purpose
from dingtalk_integration.openapi import oauth
from dingtalk_integration.openapi.application import Application, Endpoints, Meter
from dingtalk_integration.openapi.oauth import Identity
from dingtalk_integration.quotas import api_usage
from secops_agent.services.people.logins import NotAdmitted, user_behind

log = logging.getLogger(__name__)
COOKIE: Final = "bifang_dingtalk"
SALT: Final = "bifang.dingtalk.sign_in"
PATIENCE_S: Final = 600
NAME: Final = "钉钉登录"  # under which people are counted whom DingTalk names, and who are not let in
KNOWN: Final = "bifang_dingtalk_known"  # the cookie of a browser that was let in before
KNOWN_S: Final = 180 * 86400
# Codes that are none cost a call of the month's quota each. They shut nobody out: of an address, browsers that were let in
# before are counted apart, and the others wait for seconds.
JUNK: Final = Failures(30, 1800.0)
BUSY: Final = "这个地址刚才送来太多无效的登录码：请在 {seconds} 秒后回到登录页，重新点「用钉钉登录」，或用密码登录。以前用钉钉登录过的浏览器不受影响。"
CLOSED: Final = "这个钉钉配置没有开放登录：请用密码登录，或请管理员在「系统配置」里打开「允许用钉钉登录」。"
NOT_YOURS: Final = (
    "这次登录不是从这个浏览器开始的，或已经过了 10 分钟：请{}回到登录页，重新点「用钉钉登录」。"
)
DECLINED: Final = "您没有在钉钉的页面上同意授权：请回到登录页重试，或用密码登录。"
NO_CORPORATION: Final = "毕方还不知道这个应用属于哪个企业：请管理员在「系统配置」里填写「企业 CorpId」，或先在钉钉里给机器人发一条消息。"
STRANGER: Final = "您在钉钉的页面上选的企业不是这里的企业，不能登录：请重新登录并选择公司所在的企业；您不是这家企业的员工时，请向邀请您的同事要一个密码登录的用户。"


@dataclass(frozen=True, slots=True)
class SignIn:
    """What began the sign-in."""

    config_id: int
    goal: str


def open_doors() -> list[Door]:
    """A button for every configuration that lets people in."""
    rows = [row for row in SystemConfig.objects.enabled("dingtalk") if row.params.get("sign_in")]
    return [
        Door(
            "用钉钉登录" if len(rows) == 1 else f"用钉钉登录（{row.name}）",
            reverse("dingtalk_start", args=[row.pk]),
        )
        for row in rows
    ]


@require_GET
@never_cache
def start(request: HttpRequest, config_id: int) -> HttpResponse:
    """To DingTalk's page."""
    goal, nonce = entry.safe_goal(request, request.GET.get("next", "")), secrets.token_urlsafe(32)
    try:
        found = _settings(config_id)
    except BifangError as error:
        return _refuse(request, error.message)
    state = signing.dumps({"config": config_id, "goal": goal, "nonce": _digest(nonce)}, salt=SALT)
    where = oauth.authorize_address(
        _application(found), back=_back(request), state=state, corp_id=found.corp_id
    )
    answer = redirect(where)
    answer.set_cookie(
        COOKIE, nonce, max_age=PATIENCE_S, path=reverse("dingtalk_back"), secure=settings.HTTPS,
        httponly=True, samesite="Lax",
    )  # fmt: skip
    return answer


@require_GET
@never_cache
def come_back(request: HttpRequest) -> HttpResponse:
    """From DingTalk's page, with a code. Whatever comes of it, the browser's nonce is used up."""
    try:
        answer = _come_back(request)
    except BifangError as error:
        answer = _refuse(request, error.message)
    answer.delete_cookie(COOKIE, path=reverse("dingtalk_back"), samesite="Lax")
    answer["Referrer-Policy"] = "no-referrer"  # the code stands in this address
    return answer


def _come_back(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    if request.GET.get("error"):
        raise InvalidInput(DECLINED)
    source = _source(request)
    if settings.RATE_LIMITS and (wait := JUNK.wait(source)):
        return _busy(request, wait)
    found = _settings(asked.config_id)
    code = request.GET.get("authCode") or request.GET.get("code") or ""
    try:
        who = _identify(found, code[:500])
    except InvalidInput:
        JUNK.count(source)
        raise
    return _admit(request, found, who, asked.goal)


def _source(request: HttpRequest) -> str:
    """Where a code comes from: a browser that was let in before, else an address."""
    try:
        return f"user {signing.loads(request.COOKIES.get(KNOWN, '')[:500], salt=KNOWN, max_age=KNOWN_S)}"
    except signing.BadSignature:
        return f"address {address_of(request)}"


def _busy(request: HttpRequest, wait: float) -> HttpResponse:
    seconds = math.ceil(wait)
    answer = _refuse(request, BUSY.format(seconds=seconds), 429)
    answer["Retry-After"] = str(seconds)
    return answer


def _admit(request: HttpRequest, found: DingTalkSettings, who: Identity, goal: str) -> HttpResponse:
    name = f"{NAME} {who.corp_id[:60]} {who.staff_id[:60]}".strip()
    if lockout.is_closed(request, name):
        return lockout.refuse(request, credentials={"username": name})
    try:
        if who.corp_id != found.corp_id:
            raise NotAdmitted(STRANGER)
        user: User = user_behind(who.corp_id, who.staff_id)
    except NotAdmitted as refusal:
        _record_refusal(request, found, who, refusal.message)
        lockout.count_failure(request, name)
        raise
    user.backend = settings.AUTHENTICATION_BACKENDS[-1]  # as `authenticate` does
    answer = entry.enter(request, user, "dingtalk", goal)
    answer.set_cookie(
        KNOWN, signing.dumps(user.pk, salt=KNOWN), max_age=KNOWN_S, path=reverse("dingtalk_back"), secure=settings.HTTPS,
        httponly=True, samesite="Lax",
    )  # fmt: skip
    return answer


def _asked(request: HttpRequest) -> SignIn:
    """InvalidInput unless this browser began it, not long ago."""
    nonce = request.COOKIES.get(COOKIE, "")
    try:
        state: dict[str, Any] = signing.loads(
            request.GET.get("state", "")[:4000], salt=SALT, max_age=PATIENCE_S
        )
    except signing.BadSignature:
        raise _not_yours() from None
    if not nonce or not constant_time_compare(state["nonce"], _digest(nonce)):
        raise _not_yours()
    return SignIn(int(state["config"]), entry.safe_goal(request, str(state["goal"])))


def _not_yours() -> InvalidInput:
    """DingTalk sends people to the public address, whatever address they came by."""
    return InvalidInput(NOT_YOURS.format(f"用 {settings.PUBLIC_URL} " if settings.PUBLIC_URL else ""))


def _settings(config_id: int) -> DingTalkSettings:
    row = SystemConfig.objects.enabled("dingtalk").filter(pk=config_id).first()
    found: DingTalkSettings | None = configs.load(row) if row is not None else None
    if found is None or not found.sign_in:
        raise InvalidInput(CLOSED)
    if not found.corp_id:
        raise InvalidInput(NO_CORPORATION)
    return found


def _application(found: DingTalkSettings) -> Application:
    endpoints = Endpoints(found.endpoint, found.oapi_endpoint)
    return Application(found.client_id, found.client_secret, endpoints, found.proxy)


def _identify(found: DingTalkSettings, code: str) -> Identity:
    """As DingTalk says; what it meters is counted."""
    counted: Counter[tuple[str, str, str]] = Counter()
    meter = Meter(counted=lambda family: counted.update([(found.client_id, family, Purpose.SIGN_IN)]))

    async def ask() -> Identity:
        http = HttpClient()
        try:
            return await oauth.identify(http, _application(found), code, corp_id=found.corp_id, meter=meter)
        finally:
            await http.close()

    try:
        return asyncio.run(ask())
    except InvalidInput:
        raise
    except BifangError as error:
        log.warning("用钉钉登录没有成功（配置 %d）：%s", found.id, error.message)
        raise
    finally:
        api_usage.add(counted)


def _back(request: HttpRequest) -> str:
    """This site's address that is entered in DingTalk's console."""
    page = reverse("dingtalk_back")
    return f"{settings.PUBLIC_URL}{page}" if settings.PUBLIC_URL else request.build_absolute_uri(page)


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def _record_refusal(request: HttpRequest, found: DingTalkSettings, who: Identity, why: str) -> None:
    detail = {
        "corp_id": who.corp_id,
        "staff_id": who.staff_id,
        "why": why,
        "address": address_of(request) or "",
    }
    record(Change(Author(None, "", "login"), "拒绝用钉钉登录", f"config:{found.id}", detail))


def _refuse(request: HttpRequest, why: str, status: int = 403) -> HttpResponse:
    return render(request, "dingtalk_refused.html", {"why": why}, status=status)
