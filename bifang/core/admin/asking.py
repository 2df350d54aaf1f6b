"""Actions of a list that are asked once: a page names the rows and says what will change before anything does."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse

AGREED: Final = "agreed"
SHOWN: Final = 20

AdminAction = Callable[[Any, HttpRequest, Any], Any]


def asked_once(told: str) -> Callable[[AdminAction], AdminAction]:
    """Below ``admin.action``. ``told`` says what will change, for people who read nothing else."""

    def wrap(deed: AdminAction) -> AdminAction:
        @wraps(deed)
        def asking(screen: Any, request: HttpRequest, queryset: Any) -> Any:
            if request.POST.get(AGREED) == "1":
                return deed(screen, request, queryset)
            return _question(screen, request, queryset, told)

        return asking

    return wrap


def _question(screen: Any, request: HttpRequest, queryset: Any, told: str) -> TemplateResponse:
    name = request.POST.get("action", "")
    label, count = screen.get_actions(request)[name][2], queryset.count()
    page: TemplateResponse = screen.page(
        request, "admin/asked_once.html", str(label), label=label, told=told, count=count, some=list(queryset[:SHOWN]),
        rest=max(0, count - SHOWN), action=name, box=ACTION_CHECKBOX_NAME, chosen=request.POST.getlist(ACTION_CHECKBOX_NAME),
        across=request.POST.get("select_across", "0"),
    )  # fmt: skip
    return page
