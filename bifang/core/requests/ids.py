"""Ids that lines of the log carry: of the request, and through the queue to the task that it began."""

import re
import secrets
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase

from bifang.core.monitoring.logs import ids

HEADER: Final = "X-Request-ID"
_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Gives each request an id, a proxy's where it has one; the answer carries it, and so does every line until it is sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        name = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        ids.set(
            {"request": name}
        )  # `forget` takes it back: Django tells of a bad answer after all middleware
        response = self._get_response(request)
        response.headers[HEADER] = name
        return response


def forget(**_: Any) -> None:
    """Receiver of ``request_finished``: what the thread does next is of no request."""
    ids.set({})


def carry(task: MutableMapping[str, Any], **_: Any) -> None:
    """Receiver of django-q2's ``pre_enqueue``."""
    if known := dict(ids.get()):
        task["log_ids"] = known


def take_up(task: MutableMapping[str, Any], **_: Any) -> None:
    """Receiver of django-q2's ``pre_execute``."""
    ids.set({**task.get("log_ids", {}), "task": task["name"]})
