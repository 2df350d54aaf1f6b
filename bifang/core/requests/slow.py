"""Pages whose statement did not end in time, or whose database is away: what happened and what to do, not "an error"."""

from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from bifang.core.monitoring.failures import explain


class SlowMiddleware:
    """503 with the explanation; what has none stays an error of ours. The API has its own form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django asks for what a view raised."""
        told = explain(exception) if isinstance(exception, OperationalError) else ""
        return HttpResponse(render_to_string("503.html", {"told": told}), status=503) if told else None
