"""Who calls, and what they may do: people by their rights, API tokens by scope within the rights of their owner."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from bifang.core.changes import Author
from bifang.core.errors import RateLimited
from bifang.core.requests.buckets import Bucket, Failures
from bifang.core.requests.visitors import address_of
from bifang.core.rights import first_role
from secops_agent.models import Role, Scope
from secops_agent.services.actors import Actor
from secops_agent.services.people import tokens
from secops_agent.services.people.authority import actor_of
from secops_agent.services.people.logins import homes_of
from secops_agent.services.people.tokens import Grant
from secops_agent.services.privacy import login_may_read

# How many requests a token may make: a bucket for each token, in each web process.

FAILURES: Final = 30  # wrong tokens a minute from one address
_buckets: dict[int, Bucket] = {}
_failures: Final = Failures(FAILURES, 60.0)
_lock = threading.Lock()


def spend(token_id: int, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
    """Count one request. Raises RateLimited with the time to wait; a rate of 0 is no limit."""
    if rate == 0:
        return
    with _lock:
        bucket = _buckets.get(token_id)
        if bucket is None or bucket.most != rate:
            bucket = _buckets[token_id] = Bucket(rate, clock())
        wait = bucket.take(clock())
    if wait:
        raise RateLimited(
            f"请求太频繁：这个令牌每分钟最多 {rate} 次，请在 {wait:.0f} 秒后重试。", retry_after=wait
        )


def spend_failure(address: str | None) -> None:
    """Count a token that was refused. Raises RateLimited with the time to wait.

    A valid token is never counted: 256 bits are not guessed, and a neighbour's old token must not shut out a good one.
    """
    wait = _failures.count(address)
    if wait:
        raise RateLimited(
            f"这个地址发来的无效 API 令牌太多：请在 {wait:.0f} 秒后重试，并检查令牌是否已被吊销。",
            retry_after=wait,
        )


REFUSED = "API 令牌无效、已过期或已被吊销：请在管理后台「API 令牌」中检查，或创建新的令牌。"


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs: the permission, and of a token the scope too. ``word``: 查看告警."""

    scope: Scope
    permission: str
    word: str

    @property
    def role(self) -> Role:
        """The lowest that has the permission."""
        return Role(first_role(self.permission))


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Stands in ``request.user`` for a program."""

    grant: Grant
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True

    @property
    def pk(self) -> str:
        """As DRF asks of a user."""
        return f"token:{self.grant.token_id}"


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer bf_…`` (or Splunk), ``X-Api-Token: bf_…``, or the password of basic authentication."""

    def authenticate(self, request: Request) -> tuple[TokenUser, Grant] | None:
        """None if no token was sent. Raises AuthenticationFailed."""
        secret = _secret(request)
        if secret is None:
            return None
        grant = tokens.recognise(secret)
        if grant is None:
            if settings.RATE_LIMITS:
                spend_failure(address_of(request._request))
            raise exceptions.AuthenticationFailed(REFUSED)
        return TokenUser(grant), grant

    def authenticate_header(self, request: Request) -> str:
        """For the 401."""
        return 'Bearer realm="bifang"'


def _secret(request: Request) -> str | None:
    """The token that was sent. A basic password that is none of ours is somebody else's business."""
    given = request.headers.get("X-Api-Token")
    if given:
        return given.strip()
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token", "splunk"):
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        password = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise exceptions.AuthenticationFailed("Authorization 头不是合法的 Basic 认证。") from None
    return password


class BrowserAuthentication(SessionAuthentication):
    """The session of somebody who is logged in."""

    def enforce_csrf(self, request: Request) -> None:
        """By Django's request: DRF's would parse the body first, which a view that takes any body cannot do."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # the check is Django's


AUTHENTICATION = [TokenAuthentication, BrowserAuthentication]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``key`` tells callers apart; ``user`` is the Django user, of a token its owner."""

    actor: Actor
    grant: Grant | None = None
    user: Any = None

    @property
    def user_id(self) -> int | None:
        """None for a token without owner."""
        return self.user.pk if self.user else None

    @property
    def key(self) -> str:
        """For what is kept by caller."""
        return f"{self.actor.kind}:{self.actor.ident}"

    @property
    def homes(self) -> frozenset[str] | None:
        """The corporations whose person stands behind the call; None: of the installation."""
        return homes_of(self.user)

    @property
    def private(self) -> bool:
        """May private parts be read? A token of nobody may not: no role stands behind it."""
        return self.user is not None and login_may_read(self.user)

    def may(self, need: Need) -> bool:
        """Is there what is needed?"""
        owned = self.user is None or self.user.has_perm(need.permission)
        return bool(owned and (self.grant is None or self.grant.may(need.scope)))


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request; a person by their Staff entry if they have one."""
    kept: Caller | None = getattr(request, "bifang_caller", None)
    if kept is None:
        kept = _caller(request)
        request.bifang_caller = kept  # type: ignore[attr-defined]  # asked for several times a request
    return kept


def _caller(request: Request) -> Caller:
    if isinstance(request.auth, Grant):
        return Caller(request.auth.actor, request.auth, request.auth.owner)
    author = Author(request.user.pk, request.user.get_username(), "api")
    return Caller(actor_of(author), user=request.user)


class HasNeed(BasePermission):
    """What the view says this method needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises PermissionDenied that says what is missing; counts the request against the token's rate."""
        if not request.user or not request.user.is_authenticated:
            return False
        if isinstance(request.auth, Grant) and settings.RATE_LIMITS:
            spend(request.auth.token_id, request.auth.rate)
        needs: Mapping[str, Need] = view.needs
        need = needs.get(request.method or "")
        if need is None or caller_of(request).may(need):
            return True
        raise exceptions.PermissionDenied(_missing(request, need))


def _missing(request: Request, need: Need) -> str:
    if isinstance(request.auth, Grant):
        if not request.auth.may(need.scope):
            return f"这个 API 令牌没有「{need.scope.label}」（{need.scope.value}）范围，不能{need.word}。"
        return f"这个 API 令牌的归属用户没有{need.word}的权限：需要「{need.role.label}」角色。"
    return f"您没有{need.word}的权限：需要「{need.role.label}」角色。请管理员在「人员」里调整您的角色，并与您的登录用户对应。"


def _read(model: str, word: str) -> Need:
    return Need(Scope.READ, f"secops_agent.view_{model}", f"查看{word}")


def _write(model: str, word: str) -> Need:
    return Need(Scope.WRITE, f"secops_agent.change_{model}", f"修改{word}")


READ_ALERTS, WRITE_ALERTS = _read("alert", "告警"), _write("alert", "告警")
READ_CASES, WRITE_CASES = _read("case", "事件"), _write("case", "事件")
READ_ASSETS, WRITE_ASSETS = _read("asset", "资产"), _write("asset", "资产")
READ_VULNERABILITIES = _read("vulnerability", "漏洞")
READ_FINDINGS, WRITE_FINDINGS = _read("finding", "发现"), _write("finding", "发现")
READ_RUNBOOKS, WRITE_RUNBOOKS = _read("runbook", "手册"), _write("runbook", "手册")
IMPORT = Need(Scope.INGEST, "secops_agent.add_importjob", "导入")
READ_PROPOSALS = _read("proposal", "审批")
READ_BLOCKS = _read("blockrecord", "封禁台账")
DECIDE = Need(Scope.APPROVE, "secops_agent.change_proposal", "决定审批")
READ_RULES = _read("notificationrule", "通知规则")
READ_ON_CALL = _read("oncallschedule", "值班表")
READ_SILENCES = _read("silence", "静默")
WRITE_SILENCES = _write("silence", "静默")
READ_SUPPRESSIONS = _read("suppressionrule", "抑制规则")
WRITE_SUPPRESSIONS = _write("suppressionrule", "抑制规则")
READ_LISTS = _read("indicatorlist", "情报清单")
READ_SCHEDULES = _read("scheduledtask", "定时任务")
WRITE_SCHEDULES = _write("scheduledtask", "定时任务")
SEE_ALL_JOBS = _read("importjob", "导入任务")
