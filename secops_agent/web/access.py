"""Who may open a page of ours, and what its answer tells the browser to refuse."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from bifang.core.errors import BifangError
from bifang.core.requests.headers import PAGES, POLICY
from secops_agent.services.faults import NotFound
from secops_agent.services.people.logins import may_do_something

View = Callable[..., HttpResponseBase]


def page(*permissions: str, back: str | Callable[[HttpRequest], str] = "") -> Callable[[View], View]:
    """For those who are logged in and have all of `permissions` ("app.verb_model"; none: any right at all).

    Others log in, or read (403) whom to ask; who has no right at all reads it on the admin's page for that. ``back``: the
    page, of the same numbers, or the address that tells why what was posted is not done; without it what is not there is 404.
    """

    def guarded(view: View) -> View:
        @never_cache
        @wraps(view)
        def seen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            if not may_do_something(request.user):
                return redirect("admin:index")
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            try:
                response = view(request, *args, **kwargs)
            except BifangError as error:
                if not back and isinstance(error, NotFound):
                    raise Http404(error.message) from None
                if not back:
                    raise
                messages.error(request, error.message)
                refused: HttpResponseBase = (
                    redirect(back, *args, **kwargs) if isinstance(back, str) else redirect(back(request))
                )
                return refused
            response.headers.setdefault(POLICY, PAGES)
            return response

        seen.permissions = permissions  # type: ignore[attr-defined]  # docs/security.md lists them
        return seen

    return guarded
