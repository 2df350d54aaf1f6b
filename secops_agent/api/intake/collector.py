"""Splunk's HTTP Event Collector, for what can already send to one: its addresses, its header, its answer codes.

An answer is ``{"text", "code"}`` as Splunk's are; ours adds ``message`` in Chinese where something is wrong. What was
answered with Success is on the disk, so an acknowledgement is given for whatever is asked.
https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from django.db import OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import re_path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from bifang.core.errors import InvalidInput, RateLimited
from secops_agent.api.access import IMPORT, caller_of
from secops_agent.api.base import View
from secops_agent.api.errors import handle
from secops_agent.api.intake.ingest import AnyBody, body_of, check_head
from secops_agent.importers.base import BrokenRecord, ImportLimits, Options
from secops_agent.importers.reading.documents import json_line
from secops_agent.importers.reading.json_stream import LONG_NUMBER
from secops_agent.uploads.body import LARGEST, NoContent, TooLarge, Upload
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import import_later, import_now

FORMAT: Final = "splunk"
_ABOUT = ("time", "host", "source", "sourcetype", "index")
_MOST_ABOUT = 200  # characters: every line gets them
_MOST_ACKS = 10_000
_MOST_LINE = 1 << 20
_OF_A_LINE: Final = ImportLimits(max_depth=ImportLimits().max_depth - 1)  # the envelope is one more
MANY_LINES: Final = "/raw 一次最多 1 MiB，解压后 2 MiB：请让发送方分批，或改用 /event。"
SUCCESS: Final = {"text": "Success", "code": 0}
# By our own status: theirs, the code and the words.
_REFUSALS: Final[Mapping[int, tuple[int, int, str]]] = {
    401: (403, 4, "Invalid token"), 403: (403, 4, "Invalid token"), 413: (413, 27, "Request entity too large"),
    429: (503, 9, "Server is busy"), 503: (503, 9, "Server is busy"), 500: (500, 8, "Internal server error"),
    405: (405, 404, "Method not allowed"),
}  # fmt: skip
_INVALID: Final = (400, 6, "Invalid data format")


def answer_as_splunk(error: Exception, context: Mapping[str, Any]) -> Response:
    """Our error in their shape."""
    ours = handle(error, context)
    status, code, text = _refusal(error, ours.status_code, context)
    headers = {"Retry-After": ours["Retry-After"]} if ours.has_header("Retry-After") else None
    return Response(
        {"text": text, "code": code, "message": ours.data["error"]["message"]}, status=status, headers=headers
    )


def _refusal(error: Exception, status: int, context: Mapping[str, Any]) -> tuple[int, int, str]:
    if isinstance(error, exceptions.NotAuthenticated):
        given = context["request"].headers.get("Authorization")
        return (401, 3, "Invalid authorization") if given else (401, 2, "Token is required")
    if isinstance(error, NoContent):
        return 400, 5, "No data"
    if isinstance(error, RateLimited):
        return _REFUSALS[429]
    return _REFUSALS.get(status, _INVALID)


class CollectorView(View):
    """What the addresses share: any body, Splunk's answers."""

    needs = {"POST": IMPORT}
    parser_classes = [AnyBody]
    schema = None

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        """Theirs."""
        return answer_as_splunk


class EventsView(CollectorView):
    """Envelopes, one after the other."""

    largest_body = LARGEST

    def post(self, request: Request) -> Response:
        """Import them."""
        check_head(request)
        with Upload() as upload:
            upload.receive(body_of(request._request, upload))
            return _answer(request, upload)


class RawView(CollectorView):
    """Lines; what they have in common stands in the query. No more than is read at once: each costs a little, and
    a packed one of 30 KB can be sixteen million lines."""

    def post(self, request: Request) -> Response:
        """Import each as the event of an envelope."""
        check_head(request)
        about = {key: value[:_MOST_ABOUT] for key in _ABOUT if (value := request.query_params.get(key))}
        with Upload() as lines, Upload() as upload:
            lines.receive(body_of(request._request, lines))
            if not lines.is_small:
                raise TooLarge(MANY_LINES)
            upload.receive(_wrapped(lines, about))
            return _answer(request, upload)


def _wrapped(lines: Upload, about: Mapping[str, str]) -> Iterator[bytes]:
    """Each line in an envelope; a line that is JSON itself is the event, the others a text.

    What could not be read again (NaN, too deep, an endless number) is a text too: the lines behind it count on it.
    """
    with lines.source().open(Options().limits) as stream:
        while line := stream.readline(_MOST_LINE):
            if line.strip():
                yield json.dumps({**about, "event": _event(line)}).encode() + b"\n"


def _event(line: bytes) -> Any:
    written = line.decode("utf-8", "replace").strip()
    if not written.startswith("{"):
        return written
    found = json_line(written.encode(), _OF_A_LINE)
    return written if isinstance(found, BrokenRecord) or LONG_NUMBER.search(line) else found


def _answer(request: Request, upload: Upload) -> Response:
    """Success if anything was taken and all was read: what was refused beside it is in the history of imports."""
    actor = caller_of(request).actor
    if not upload.is_small:
        import_later(FORMAT, upload, Choices(), actor)
        return _success(request)
    outcome = import_now(FORMAT, upload, Choices(), actor).outcome
    lost = (f"前面的事件已经收下，后面的没有读到：{each.reason}" for each in outcome.rejected if each.fatal)
    message = outcome.refusal or next(lost, "")
    if not message:
        return _success(request)
    code, text = _fault(message)
    return Response({"text": text, "code": code, "invalid-event-number": 0, "message": message}, status=400)


def _fault(reason: str) -> tuple[int, str]:
    if "「event」不能是空白" in reason:
        return 13, "Event field cannot be blank"
    return (12, "Event field is required") if "「event」" in reason else _INVALID[1:]


def _success(request: Request) -> Response:
    """With a number to ask by, for a sender that gave a channel."""
    told: dict[str, Any] = dict(SUCCESS)
    if request.headers.get("X-Splunk-Request-Channel") or request.query_params.get("channel"):
        told["ackId"] = time.time_ns() // 1000  # below 2^53: JSON of any language holds it
    return Response(told)


class AcksView(CollectorView):
    """Is it stored? Whatever was answered with a number is."""

    def post(self, request: Request) -> Response:
        """``{"acks": [1, 2]}`` → ``{"acks": {"1": true, "2": true}}``."""
        body = request._request.read(_MOST_LINE)
        try:
            asked = json.loads(body)["acks"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidInput('请求体应为 {"acks": [编号, …]}。') from None
        if (
            not isinstance(asked, list)
            or len(asked) > _MOST_ACKS
            or not all(type(one) is int for one in asked)
        ):
            raise InvalidInput(f"acks 应为编号的数组，最多 {_MOST_ACKS} 个。")
        return Response({"acks": {str(one): True for one in asked}})


def health(request: HttpRequest) -> JsonResponse:
    """For load balancers; without a token, as Splunk's."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return JsonResponse({"text": "HEC is unhealthy, queues are full", "code": 18}, status=503)
    return JsonResponse({"text": "HEC is healthy", "code": 17})


_ADDRESSES: Final[Mapping[str, Callable[..., Any]]] = {
    "": EventsView.as_view(), "/event": EventsView.as_view(), "/raw": RawView.as_view(), "/ack": AcksView.as_view(),
    "/health": health,
}  # fmt: skip
# At the root of the site, because most senders take a host only; some take a whole base address.
urlpatterns = [
    re_path(rf"^services/collector{place}(?:/1\.0)?/?$", view) for place, view in _ADDRESSES.items()
]
