"""Lists of alerts that somebody wants again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from secops_agent.services.alerts import saved_views
from secops_agent.web.alert_acts import Posted, posting
from secops_agent.web.alerts import SEE


@posting(SEE)
def save(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``name``: the list as it is, for this person."""
    row = saved_views.save(request.user.pk or 0, request.POST.get("name", ""), posted.query.text)
    messages.success(request, f"已保存视图「{row.name}」。")
    return posted.back()


@posting(SEE)
def delete(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``view``."""
    given = request.POST.get("view", "")
    saved_views.delete(
        request.user.pk or 0, int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0
    )
    messages.success(request, "已删除视图。")
    return posted.back()
