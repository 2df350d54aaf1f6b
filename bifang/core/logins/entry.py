"""Who was recognised enters, or is first asked for the second step. Nobody is logged in anywhere else."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import load_backend, login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from bifang.core.changes import Author, Change, record
from bifang.core.errors import SecretError
from bifang.core.logins import second_factor
from bifang.core.requests.visitors import address_of
from bifang.core.secrets.sealed import Sealed

PASSWORD: Final = "password"  # noqa: S105 - the name of a door
_WAITING, _DOOR, _DRAWN = "bifang_waiting", "bifang_door", "bifang_drawn"
PATIENCE_S: Final = 300
_WORDS = {PASSWORD: "密码", "dingtalk": "钉钉"}
_STEPS = {"": "", "digits": "验证码", "recovery": "恢复码", "set_up": "刚刚设置"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who was recognised at a door, and is asked for more. ``goal``: where they were going."""

    user: User
    door: str
    goal: str


def enter(request: HttpRequest, user: User, door: str, goal: str) -> HttpResponse:
    """Let somebody in who was recognised at `door`, or ask for the second step. ``user.backend`` says who vouches."""
    if second_factor.find(user.pk) is not None:
        page = "login_code"
    elif settings.REQUIRE_TOTP and door == PASSWORD:
        page = "second_factor"
    else:
        return admit(request, Waiting(user, door, goal))
    request.session.cycle_key()  # whoever planted the session's name does not share what waits in it
    request.session[_WAITING] = {
        "user": user.pk, "backend": getattr(user, "backend", ""), "door": door, "goal": goal,
        "at": time.time(), "as": user.get_session_auth_hash(),
    }  # fmt: skip
    return redirect(page)


def waiting(request: HttpRequest) -> Waiting | None:
    """Who waits in this session; not for long, and not once the password was changed or the login closed."""
    kept: dict[str, Any] = request.session.get(_WAITING) or {}
    if not kept or not 0 <= time.time() - kept["at"] <= PATIENCE_S:
        return None
    if kept["backend"] not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = load_backend(kept["backend"]).get_user(kept["user"])
    if user is None or not constant_time_compare(user.get_session_auth_hash(), kept["as"]):
        return None
    user.backend = kept["backend"]
    return Waiting(user, kept["door"], kept["goal"])


def admit(request: HttpRequest, who: Waiting, step: str = "") -> HttpResponse:
    """Log in. ``step``: how the second step was taken, if it was."""
    request.session.pop(_WAITING, None)
    login(request, who.user)
    request.session[_DOOR] = step or who.door
    detail = {
        "name": who.user.get_username(), "door": _WORDS.get(who.door, who.door),
        "second_step": _STEPS[step], "address": address_of(request) or "",
    }  # fmt: skip
    record(
        Change(Author(who.user.pk, who.user.get_username(), "login"), "登录", f"user:{who.user.pk}", detail)
    )
    return redirect(who.goal)


def strengthen(request: HttpRequest) -> None:
    """This session's user has just set up a second step."""
    request.session.pop(_DRAWN, None)
    request.session[_DOOR] = "set_up"


def drawn_secret(request: HttpRequest) -> str:
    """The secret that this session is setting up, the same until it is used; sealed, as all secrets are at rest."""
    kept = request.session.get(_DRAWN)
    try:
        if kept:
            return str(Sealed(kept).open(_DRAWN))
    except SecretError:
        pass  # the key was changed meanwhile
    secret = second_factor.draw_secret()
    request.session[_DRAWN] = Sealed.of(secret, _DRAWN).token
    return secret


def safe_goal(request: HttpRequest, given: str) -> str:
    """Where to go after the login: a page of this site, whatever was asked for."""
    secure = request.is_secure()
    good = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=secure)
    return given if given and good else resolve_url(settings.LOGIN_REDIRECT_URL)


class SecondStepMiddleware:
    """BIFANG_REQUIRE_TOTP also ends the sessions that began with nothing but a password, before it was set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        weak = settings.REQUIRE_TOTP and request.user.is_authenticated
        if weak and request.session.get(_DOOR, PASSWORD) == PASSWORD:
            logout(request)
        return self._get_response(request)
