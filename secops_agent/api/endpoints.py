"""Endpoints: what each takes, does and answers, declared; the views are made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api.access import Need, caller_of
from secops_agent.api.base import Form, Nothing, View
from secops_agent.api.documentation import page_of

_READS: Final = "GET"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one method of an address does. ``do`` takes the caller, what the address holds and what was sent, by name.

    ``name``: its operation in the description. ``takes``: the form of the query of GET, else of the body; None: whatever
    is sent is not read. ``gives``: the form of the answer, of each item if ``do`` gives a page;
    a kind of the description, if it is answered as it is; None: nothing.
    ``partial``: only the fields that were sent. ``example``: title and value of a body.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    need: Need | None
    name: str
    summary: str
    description: str
    do: Callable[..., Any]
    gives: Any = None
    takes: type[Form] | None = None
    status: int = 200
    paged: bool = False
    partial: bool = False
    example: OpenApiExample | tuple[str, Any] | None = None

    def handler(self, tag: str) -> Callable[..., Response]:
        """The method of a view."""

        @extend_schema(tags=[tag], **self._described())
        def handle(view: View, request: Request, **place: Any) -> Response:
            found = self.do(caller_of(request), **place, **self._sent(view))
            if self.paged:
                return view.page(found, self.gives)
            answer = self.gives(found).data if isinstance(self.gives, type) else found
            return Response(answer, self.status)

        return handle

    def _sent(self, view: View) -> dict[str, Any]:
        if self.takes is None:
            return {}
        if self.method == _READS:
            return view.read_query(self.takes)
        return view.read_body(self.takes, partial=self.partial)

    def _described(self) -> dict[str, Any]:
        """As drf-spectacular takes it."""
        example = self.example
        if isinstance(example, tuple):
            example = OpenApiExample(example[0], value=example[1], request_only=True)
        gives = page_of(self.gives) if self.paged else self.gives
        sent = None if self.takes in (None, Nothing) else self.takes
        takes = {"parameters": [sent] if sent else None} if self.method == _READS else {"request": sent}
        return {
            "operation_id": self.name, "summary": self.summary, "description": self.description, **takes,
            "responses": gives if self.status == 200 else {self.status: gives}, "examples": [example] if example else None,
        }  # fmt: skip


def view_of(tag: str, *endpoints: Endpoint) -> type[View]:
    """The view of one address; ``tag``: where the description shows it."""
    methods = {each.method.lower(): each.handler(tag) for each in endpoints}
    needs = {each.method: each.need for each in endpoints if each.need}
    return type(endpoints[0].name, (View,), {"needs": needs, **methods})


def items(rows: Any) -> dict[str, Any]:
    """A list that has no pages, as it is answered."""
    return {"items": rows}
