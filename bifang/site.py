"""The admin's site: whoever has a login enters, rights say what they see, and who has none learns whom to ask."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.forms import AuthenticationForm as PlainForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

ALWAYS_OPEN = frozenset({"logout", "login", "password_change", "password_change_done", "jsi18n"})


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # unfold is untyped
    """Unfold's, for every active user: what they may do does not hang on Django's ``is_staff``."""

    error_messages = {
        "invalid_login": "用户名或密码不对（区分大小写）。忘记了请超级管理员在「人员」里给一个登录邀请；连续 10 次不对，要等 15 分钟。",
        "inactive": "这个登录用户已经停用。",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        """As for any Django login."""
        PlainForm.confirm_login_allowed(self, user)


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold is untyped
    """Unfold's, with rights by role."""

    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Every active user; each screen asks for its own permission."""
        return bool(request.user.is_active)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """As Django's, with the house's doors: a password is not always enough, and not the only way."""
        from bifang.core.logins.doors import doors
        from bifang.core.logins.entry import safe_goal
        from bifang.core.logins.views import PasswordDoor

        goal = safe_goal(request, request.POST.get("next", request.GET.get("next", "")))
        if request.method == "GET" and request.user.is_authenticated and "switch" not in request.GET:
            return redirect(goal)
        context = {
            **self.each_context(request),
            "title": "登录", "app_path": request.get_full_path(), "next": goal, "doors": doors(),
        }  # fmt: skip
        return PasswordDoor.as_view(
            extra_context=context | (extra_context or {}),
            authentication_form=LoginForm,
            template_name="admin/login.html",
        )(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """As Django's; someone without any right sees one page that says whom to ask."""
        inner = super().admin_view(view, cacheable)

        def seen(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            match = request.resolver_match
            if match is not None and match.url_name in ALWAYS_OPEN:
                return inner(request, *args, **kwargs)
            return self._nothing(request) or inner(request, *args, **kwargs)

        return seen

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The first page is our own."""
        return redirect("web:home")

    def _nothing(self, request: HttpRequest) -> HttpResponse | None:
        from secops_agent.services.people.logins import may_do_something
        from secops_agent.services.people.staff import administrators

        if not request.user.is_authenticated or may_do_something(request.user):
            return None
        context = {
            **self.each_context(request),
            "title": "还没有权限",
            "administrators": administrators(None),
        }
        return TemplateResponse(request, "admin/no_rights.html", context, status=403)
