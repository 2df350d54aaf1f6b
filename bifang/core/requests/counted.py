"""Requests, counted by route, method and status, with the time until the answer begins."""

import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from bifang.core.monitoring.counting import SECONDS, Tally

REQUESTS: Final = Tally(
    "bifang_http_request_duration_seconds",
    "Requests to the web application, until the answer begins; the route is the pattern of the address.",
    ("route", "method", "status"),
    buckets=SECONDS,
    most=1500,
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class CountingMiddleware:
    """Counts every request that is no probe."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self._get_response(request)
        route = request.resolver_match.route if request.resolver_match else ""
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.observe(time.perf_counter() - began, route, str(method), str(response.status_code))
        return response
