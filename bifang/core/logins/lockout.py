"""登录失败次数太多: what the page says, and until when."""

import logging
from datetime import datetime
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bifang.core.models import LoginFailure
from bifang.core.monitoring.journal import Journal
from bifang.core.requests.visitors import address_of

_journal = Journal(logging.getLogger(__name__), "登录")


def is_closed(request: HttpRequest, name: str) -> bool:
    """May `name` not try from this address for now?"""
    return settings.AXES_ENABLED and not AxesProxyHandler.is_allowed(request, {"username": name})


def count_failure(request: HttpRequest, name: str) -> None:
    """As a wrong password of `name` is counted; at the limit the answer becomes `refuse`'s."""
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)


def refuse(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """The answer to somebody who tried too often (django-axes asks for it)."""
    name = str((credentials or {}).get("username") or request.POST.get("username", ""))
    return closed(request, name, _until(name, address_of(request)))


def closed(request: HttpRequest, name: str, until: datetime) -> HttpResponse:
    """The page, and for programs when to come again."""
    seconds = max(1, int((until - timezone.now()).total_seconds()))
    context = {"username": name[:150], "until": timezone.localtime(until), "minutes": -(-seconds // 60), "failure_limit": settings.AXES_FAILURE_LIMIT}  # fmt: skip
    answer = render(request, "429.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def _until(name: str, address: str | None) -> datetime:
    rows = LoginFailure.objects.filter(username=name, ip_address=address)
    last = rows.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    return (last or timezone.now()) + settings.AXES_COOLOFF_TIME


def tell_lockout(sender: object, username: Any = "", ip_address: Any = "", **_: Any) -> None:
    """Receiver of axes' signal: what it writes into the log itself is English, and silenced."""
    limit, pause = settings.AXES_FAILURE_LIMIT, int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    name = str(username)[:150]
    text = f"「{name}」从 {ip_address} 连续 {limit} 次登录失败，{pause} 分钟内不再接受"
    _journal.write(f"{name} {ip_address}", text)
