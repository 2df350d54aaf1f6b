"""A rota for calendar programs, which only know an address: the address itself is the secret."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from secops_agent.services.on_call.calendars import write_calendar
from secops_agent.services.on_call.feeds import find_feed


@require_safe
def calendar(request: HttpRequest, secret: str) -> HttpResponse:
    """The .ics file; not found for what is unknown or revoked."""
    feed = find_feed(secret)
    if feed is None:
        raise Http404
    answer = HttpResponse(
        write_calendar(feed.schedule, feed.staff), content_type="text/calendar; charset=utf-8"
    )
    answer["Cache-Control"] = "private, max-age=300"
    answer["Content-Disposition"] = 'inline; filename="on-call.ics"'
    return answer
