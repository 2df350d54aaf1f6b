"""Sending again what did not arrive, from the page where it is missed: an alert, a case, 值班."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import AlertMessage
from secops_agent.services import lost_messages
from secops_agent.web.access import page
from secops_agent.web.listing import number

AGAIN: Final = "secops_agent.change_alertmessage"


def place_before(request: HttpRequest) -> str:
    """The page of this host that was posted from (``next``), else the first one."""
    return back_to(request, request.POST.get("next", "")) or reverse("web:home")


@require_POST
@page(AGAIN, back=place_before)
def send_again(request: HttpRequest) -> HttpResponse:
    """POST ``alert``: all that could not be delivered of it, or ``message``: one of the outbox; then back to ``next``."""
    done = _send_again(request)
    messages.success(request, f"{done} 条马上再发，几秒后刷新看结果；仍无法送达的会写明原因。")
    return redirect(place_before(request))


def _send_again(request: HttpRequest) -> int:
    """How many. Raises InvalidInput for none."""
    if alert_id := number(request.POST.get("alert", "")):
        lost = AlertMessage.objects.filter(alerts=alert_id)
        done = lost_messages.tell_again(lost, actor_of(request))
        if not done:
            raise InvalidInput("没有无法送达的通知。")
        return done
    lost_messages.send_again(number(request.POST.get("message", "")), actor_of(request))
    return 1


def back_to(request: HttpRequest, target: str) -> str:
    """An address of this host, or nothing."""
    mine = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if mine else ""
