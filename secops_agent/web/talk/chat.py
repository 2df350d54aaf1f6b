"""问一问: the agent on a page, for whoever is logged in and listed in 人员, with the same roles, limits and approvals."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bifang.channels.workers.connection_health import program_of
from bifang.channels.workers.processes import is_served
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.agent.acting.orders import is_urgent
from secops_agent.models import LineKind, Role, WebLine
from secops_agent.models.people.staff import allows
from secops_agent.services.chats import platforms
from secops_agent.services.people.logins import accounts
from secops_agent.services.people.staff import administrators
from secops_agent.web.access import page
from secops_agent.web.talk.chat_markup import as_html
from secops_agent.web_chat import lines
from secops_agent.web_chat.lines import Speaker

MOST_FILLED_IN: Final = 500  # characters of a question that a link brings
_SAY: Final = {"confirm": says.confirm, "reject": says.reject}
NO_ACCOUNT: Final = "您的登录用户没有对应的「人员」，或角色不够：{whom}在「人员」里把您和登录用户对应起来以后，就可以在这里提问。"
NO_ACCOUNT_YET: Final = "您的登录用户没有对应的「人员」：请在「设置 → 人员」里打开您自己的那一条（没有就新增，员工 ID 问机器人一句话就知道），「登录网页」的用户名写 {login}，选「是同一个人」，就可以在这里提问。"
NO_ROBOT: Final = (
    "您的企业还没有启用的{platforms}配置。网页聊天由它的机器人回答：请先在「系统配置」里新增一个；"
    "已经有的，先在聊天里 @ 它一次，让它知道是哪个企业。"
)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as the page shows it; ``html``: of an answer; ``decisions``: (word, sentence) of its buttons."""

    line: WebLine
    html: str
    decisions: tuple[tuple[str, str], ...]


@page()
def chat(request: HttpRequest) -> HttpResponse:
    """The conversation. ``q``: a question to be filled in, never sent by itself."""
    speaker, problem = _speaker(request)
    context = {
        "title": "问一问",
        "problem": problem,
        "filled": request.GET.get("q", "")[:MOST_FILLED_IN],
        "nonce": secrets.token_hex(16),
        "tap_nonce": secrets.token_hex(16),
    }
    if speaker is not None:
        context |= _log(speaker)
    return render(request, "pages/chat.html", context)


def _speaker(request: HttpRequest) -> tuple[Speaker | None, str]:
    """Who speaks to which robot; None and why not."""
    able = [each for each in accounts(request.user) if each.active and allows(each.role, Role.VIEWER)]
    if request.user.is_superuser and not accounts(request.user):
        return None, NO_ACCOUNT_YET.format(login=request.user.get_username())
    if not able:
        names = "、".join(administrators(None))
        return None, NO_ACCOUNT.format(whom=f"请管理员 {names} " if names else "请管理员")
    for account in able:
        robot = lines.robot_for(account)
        if robot is not None:
            return Speaker(request.user.pk or 0, account, robot.pk), ""
    return None, NO_ROBOT.format(platforms=platforms())


def _log(speaker: Speaker) -> dict[str, Any]:
    live = lines.running(speaker)
    said = [ShownLine(line, _html(line), _decisions(line)) for line in lines.shown(speaker, live)]
    kind = SystemConfig.objects.values_list("kind", flat=True).get(pk=speaker.config_id)
    served = is_served(speaker.config_id)
    return {"lines": said, "busy": bool(live), "served": served, "program": program_of(kind)}


def _html(line: WebLine) -> str:
    """An answer; a question is shown as it was typed."""
    return "" if line.kind == LineKind.ASKED else as_html(line.text)


def _decisions(line: WebLine) -> tuple[tuple[str, str], ...]:
    """(word, sentence) of the buttons under a line that decide the own proposal."""
    given = [
        (_SAY.get(str(each["params"].get("verdict"))), str(each["params"].get("code", "")))
        for each in line.buttons
    ]
    return tuple((say(code).verb, str(say(code))) for say, code in given if say and code)


@page()
def log(request: HttpRequest) -> HttpResponse:
    """The lines as they are now: asked again and again by the page."""
    speaker, problem = _speaker(request)
    return render(request, "pages/chat_log.html", _log(speaker) if speaker else {"problem": problem})


@require_POST
@page()
def say(request: HttpRequest) -> HttpResponse:
    """POST ``text``, ``nonce``: ask; the page shows it at once."""
    speaker, problem = _speaker(request)
    text = request.POST.get("text", "")
    try:
        if speaker is not None:
            lines.say(speaker, text, request.POST.get("nonce", ""), urgent=is_urgent(text.strip()))
    except BifangError as error:
        problem = error.message
    if request.headers.get("HX-Request") and speaker is not None:
        context = _log(speaker) | {"refused": problem}
        return render(request, "pages/chat_log.html", context)
    if problem:
        messages.error(request, problem)
    return redirect("web:chat")
