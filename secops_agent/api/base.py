"""What every view shares: strict parameters, pages, JSON only."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from secops_agent.api.access import AUTHENTICATION, HasNeed, Need
from secops_agent.api.bodies import BoundedJson
from secops_agent.api.errors import handle
from secops_agent.kit.listing import Condition, Listing
from secops_agent.services.pages import LIMIT, Page

Form: TypeAlias = serializers.Serializer[Any]
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MOST_NAMED = 20  # unknown fields that an answer names


_defaults: dict[type[Form], dict[str, Any]] = {}


class AlwaysJson(BaseContentNegotiation):
    """Webhooks send any Accept header; the answer is JSON in any case."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """By content type, as DRF does it."""
        from rest_framework.utils.mediatypes import media_type_matches

        given = request.content_type or "application/json"
        return next((parser for parser in parsers if media_type_matches(parser.media_type, given)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """The first."""
        return renderers[0], renderers[0].media_type


class View(APIView):
    """A view says what each method needs; everything else is the same everywhere."""

    needs: Mapping[str, Need] = {}
    authentication_classes = AUTHENTICATION
    permission_classes = [HasNeed]
    renderer_classes = [JSONRenderer]
    parser_classes = [BoundedJson]
    content_negotiation_class = AlwaysJson
    metadata_class = None
    largest_body: ClassVar[int] = 0  # bytes; 0: no more than anybody may send

    @classmethod
    def admit(cls, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What a request with this head is answered before its body is read; 204: it may come."""
        view = cls()
        view.post = lambda *_, **__: HttpResponse(status=204)  # type: ignore[attr-defined]  # all that dispatch does before
        view.setup(request, *args, **kwargs)
        return view.dispatch(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response | None]:
        """Our shape of errors, whatever the settings say."""
        return handle

    def read_query(self, kind: type[Form]) -> dict[str, Any]:
        """The query parameters, checked. Raises ValidationError, for unknown and repeated ones too."""
        bare = not self.request.query_params
        if bare and kind in _defaults:
            return dict(_defaults[kind])  # webhooks send none, and come in hundreds a second
        checked = kind(data=_plain(self.request, kind()))
        checked.is_valid(raise_exception=True)
        if bare:
            _defaults[kind] = dict(checked.validated_data)
        return dict(checked.validated_data)

    def read_body(self, kind: type[Form], *, partial: bool = False) -> dict[str, Any]:
        """The JSON body, checked. Raises ValidationError, for unknown keys too."""
        body = self.request.data
        if isinstance(body, dict):
            known = kind().fields
            unknown = [str(name)[:60] for name in body if name not in known]
            if unknown:
                raise serializers.ValidationError(
                    {name: ["不认识这个字段。"] for name in unknown[:_MOST_NAMED]}
                )
        checked = kind(data=body, partial=partial)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def page(self, found: Page[Any], kind: type[Form]) -> Response:
        """One page of a list, with the address of the next."""
        address = None
        if found.next_cursor:
            query = self.request.query_params.copy()
            query["cursor"] = found.next_cursor
            address = self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")
        items = kind(found.items, many=True).data
        return Response(
            {
                "items": items,
                "total": found.total,
                "total_capped": found.capped,
                "next_cursor": found.next_cursor,
                "next": address,
            }
        )


def _plain(request: Request, form: Form) -> dict[str, Any]:
    """Query parameters as a dict: lists for those that may be repeated."""
    values: dict[str, Any] = {}
    for name in request.query_params:
        given = request.query_params.getlist(name)
        field = form.fields.get(name)
        if field is None:
            raise serializers.ValidationError(
                {name: [f"不认识这个参数；可用的有：{'、'.join(form.fields) or '无'}。"]}
            )
        if not isinstance(field, Several) and len(given) > 1:
            raise serializers.ValidationError({name: ["这个参数只能给一次。"]})
        values[name] = given if isinstance(field, Several) else given[0]
    return values


class Several(serializers.ListField):
    """A parameter that may be repeated, or hold several values divided by commas."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """All values, each checked."""
        parts = [part for value in data for part in str(value).split(",")]
        return super().to_internal_value(parts)


class Flag(serializers.BooleanField):
    """true or false, nothing else."""

    TRUE_VALUES = {"true", True}
    FALSE_VALUES = {"false", False}
    NULL_VALUES: set[Any] = set()

    def to_internal_value(self, data: Any) -> bool:
        """Case does not matter."""
        return bool(super().to_internal_value(data.lower() if isinstance(data, str) else data))


class Truth(serializers.BooleanField):
    """true or false of a body: a number or a word is neither."""

    def to_internal_value(self, data: Any) -> bool:
        """As it is."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A time; one without offset is local. What no database holds is moved to the end of what it holds."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Also keeps year 1 and 9999 from overflowing on their way to UTC."""
        if value.year < _EARLIEST.year:
            return _EARLIEST
        return _LATEST if value.year >= _LATEST.year else super().enforce_timezone(value)


class OnlyText(serializers.CharField):
    """A text of a body; a number is no text."""

    def to_internal_value(self, data: Any) -> str:
        """As it is, without spaces around it."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Named(OnlyText, serializers.RegexField):
    """A text of a fixed shape."""


class Text(Named):
    """A text with something in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"\S", error_messages={"invalid": "应是不为空的文字。"}, **options)


class Remark(OnlyText):
    """A text that may be empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=True, **options)


class Counts(serializers.DictField):
    """(name, number) pairs as an object."""

    child = serializers.IntegerField()

    def to_representation(self, value: Any) -> dict[str, int]:
        """For JSON."""
        return {str(name): int(number) for name, number in value}


class Nothing(Form):
    """No parameters, or no body."""


class PageQuery(Form):
    """What every list takes."""

    limit = serializers.IntegerField(
        min_value=1, max_value=LIMIT, default=20, help_text=f"每页条数，1 到 {LIMIT}。"
    )
    cursor = serializers.CharField(
        default="", allow_blank=True, help_text="上一页返回的 next_cursor；不带表示第一页。"
    )


def word(help_text: str, length: int = 200, **options: Any) -> serializers.CharField:
    """An optional text parameter."""
    return serializers.CharField(
        default="", allow_blank=True, max_length=length, help_text=help_text, **options
    )


def shaped(expression: str, help_text: str) -> serializers.RegexField:
    """An optional text parameter of this form; the description says the form."""
    return serializers.RegexField(
        expression, default="", allow_blank=True, help_text=help_text,
        error_messages={"invalid": f"写法不对：{help_text}"},
    )  # fmt: skip


def choices(values: Any, help_text: str) -> Several:
    """An optional parameter with several of the values."""
    return Several(child=serializers.ChoiceField(choices=values), default=list, help_text=help_text)


def order(orders: Mapping[str, Any], default: str, help_text: str) -> serializers.ChoiceField:
    """The order of a list."""
    return serializers.ChoiceField(
        choices=[(name, name) for name in orders], default=default, help_text=help_text
    )


def row_id(help_text: str) -> serializers.IntegerField:
    """An optional row number."""
    return serializers.IntegerField(
        default=None, allow_null=True, min_value=1, max_value=2**63 - 1, help_text=help_text
    )


class ConditionsQuery(Form):
    """The conditions of a list, as its declaration has them."""

    listing: ClassVar[Listing]

    def get_fields(self) -> dict[str, Any]:
        """A parameter for each that the API offers, and the class's own."""
        return {each.api: _parameter(each) for each in self.listing.in_api()} | super().get_fields()


def _parameter(each: Condition) -> "serializers.Field[Any, Any, Any, Any]":
    match each.kind:
        case "choice" if each.several:
            return choices(list(each.choices.items()), f"{each.label}；可重复，或用逗号分隔。")
        case "choice":
            words = list(each.choices.items())
            return serializers.ChoiceField(choices=words, default=words[0][0], help_text=each.told)
        case "shape":
            return shaped(f"^(?:{each.shape})?$", each.told)
        case "row":
            return row_id(each.told)
        case "flag":
            return Flag(default=False, help_text=each.told)
        case "moment":
            return Moment(default=None, allow_null=True, help_text=each.told)
    return word(each.told, each.longest)


def values_of(listing: Listing, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions among checked parameters, as the list's filter takes them."""
    return {each.name: each.value_of(asked[each.api]) for each in listing.in_api()}
