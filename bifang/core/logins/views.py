"""The pages of the login: password, second step, and 两步验证 of one's own."""

from typing import Any, Final

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminTextInputWidget

from bifang.core.errors import BifangError, InvalidInput, SecretError
from bifang.core.logins import entry, lockout, second_factor
from bifang.core.logins.entry import Waiting
from bifang.core.logins.second_factor import Paused

# A QR code as an image that stands in the page itself.


def draw(text: str) -> str:
    """As a ``data:`` address (SVG): dark on white whatever the page's colours are, for cameras."""
    return segno.make(text, error="m", micro=False).svg_data_uri(
        scale=5, border=3, dark="#18181b", light="#fff"
    )


UNREADABLE: Final = "您的两步验证现在无法核对：请用一个恢复码，或请超级管理员重置。"
TOO_LATE: Final = "等待输入验证码的时间过了（5 分钟），或这次登录已经作废：请重新登录。"


class CodeForm(forms.Form):
    """Six digits, or a recovery code."""

    code = forms.CharField(
        label="验证码", max_length=60,
        error_messages={"required": "请输入验证码。"},
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "off", "spellcheck": "false"}
        ),
    )  # fmt: skip


class PasswordDoor(LoginView):
    """Django's; whoever knew the password may be asked for more."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Towards where they wanted to go."""
        return entry.enter(self.request, form.get_user(), entry.PASSWORD, self.get_success_url())


@sensitive_post_parameters()
@never_cache
@csrf_protect
def ask_code(request: HttpRequest) -> HttpResponse:
    """The second step of a login."""
    who = entry.waiting(request)
    if who is None or second_factor.find(who.user.pk) is None:
        messages.warning(request, TOO_LATE)
        return redirect("admin:login")
    name, form = who.user.get_username(), CodeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _shown(request, "admin/login_code.html", "两步验证", form=form, who=name)
    if lockout.is_closed(request, name):
        return lockout.refuse(request, credentials={"username": name})
    try:
        return entry.admit(request, who, second_factor.check(who.user, form.cleaned_data["code"]))
    except Paused as pause:
        return lockout.closed(request, name, pause.until)
    except InvalidInput as error:
        lockout.count_failure(request, name)
        form.add_error("code", error.message)
    except SecretError as error:
        form.add_error("code", f"{UNREADABLE}（{error.message}）")
    return _shown(request, "admin/login_code.html", "两步验证", form=form, who=name)


@sensitive_post_parameters()
@never_cache
@csrf_protect
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Set it up, renew the recovery codes, turn it off: for oneself, also where the login demands it first."""
    who = None if request.user.is_authenticated else entry.waiting(request)
    user = request.user if isinstance(request.user, User) else who.user if who else None
    if user is None:
        return redirect(f"{resolve_url('admin:login')}?next={request.path}")
    try:
        if second_factor.find(user.pk) is None:
            return _set_up(request, user, who)
        return redirect("login_code") if who else _manage(request, user)
    except Paused as pause:
        return lockout.closed(request, user.get_username(), pause.until)


def _set_up(request: HttpRequest, user: User, who: Waiting | None) -> HttpResponse:
    secret = entry.drawn_secret(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.set_up(user, secret, form.cleaned_data["code"])
        except InvalidInput as error:
            form.add_error("code", error.message)
        else:
            if who:
                entry.admit(request, who, "set_up")
            entry.strengthen(request)
            return _codes(request, codes, who.goal if who else "")
    picture_of = draw(second_factor.address(secret, user.get_username()))
    typed = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return _shown(
        request, "admin/second_factor_set_up.html", "设置两步验证",
        form=form, picture=picture_of, secret=typed, demanded=settings.REQUIRE_TOTP and who is not None,
    )  # fmt: skip


def _manage(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("act") == "codes":
                return _codes(request, second_factor.renew_codes(user, form.cleaned_data["code"]), "")
            if request.POST.get("act") == "off" and not settings.REQUIRE_TOTP:
                second_factor.turn_off(user, form.cleaned_data["code"])
                messages.success(request, "已关闭两步验证；下次登录只要密码。")
                return redirect(settings.LOGIN_REDIRECT_URL)
        except Paused:
            raise
        except BifangError as error:
            form.add_error("code", error.message)
    row = second_factor.find(user.pk)
    left = second_factor.left(row) if row else 0
    return _shown(
        request, "admin/second_factor.html", "两步验证",
        form=form, row=row, left=left, demanded=settings.REQUIRE_TOTP,
    )  # fmt: skip


def _codes(request: HttpRequest, codes: list[str], goal: str) -> HttpResponse:
    """Shown once: only their digests are kept."""
    goal = goal or resolve_url(settings.LOGIN_REDIRECT_URL)
    return _shown(request, "admin/recovery_codes.html", "恢复码", codes=codes, goal=goal)


def _shown(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    inside = request.user.is_authenticated
    layout = "admin/base_site.html" if inside else "unfold/layouts/unauthenticated.html"
    shared = admin.site.each_context(request)
    return render(
        request, template, {**shared, "title": title, "layout": layout, "inside": inside, **context}
    )
