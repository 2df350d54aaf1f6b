"""Definitions of HTTP tools: a REST call as people write it in YAML, beside what they say of any foreign tool."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from bifang.core.configuration.entries import Entry
from bifang.core.errors import InvalidInput
from secops_agent.services.mcp.definitions import ListedTool, OfferedTool
from secops_agent.services.mcp.schemas import FORMATS

KIND: Final = "http_tools"
LARGEST: Final = 16_000  # characters of one definition
PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?)\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PATH: Final = re.compile(r"/[\x21-\x7e]*")
SECRET: Final = "secret."  # noqa: S105 - before the name of one
ArgumentType = Literal["ip", "network", "host", "word", "hash", "string", "integer", "number", "boolean"]
_PLAIN: Final = ("integer", "number", "boolean")


class Argument(Entry):
    """One argument, as a person and a model may fill it in. ``many``: a list of such values."""

    type: ArgumentType = "string"
    description: str = ""
    enum: tuple[str | int, ...] = ()
    optional: bool = False
    default: str | bool | int | float | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = Field(200, ge=1, le=4000)
    many: bool = False

    @property
    def needed(self) -> bool:
        """Must it be given?"""
        return not self.optional and self.default is None

    def as_schema(self) -> dict[str, Any]:
        """As JSON schema."""
        plain = self.type in _PLAIN
        bounds = {} if plain else {"minLength": 1, "maxLength": self.max_length}
        one: dict[str, Any] = {"type": self.type if plain else "string", **bounds}
        one |= {} if plain else {"format": self.type if self.type in FORMATS else "line"}
        one |= {"enum": list(self.enum)} if self.enum else {}
        one |= {name: value for name in ("minimum", "maximum") if (value := getattr(self, name)) is not None}
        whole = {"type": "array", "items": one, "minItems": 1, "maxItems": 100} if self.many else one
        whole |= {"description": self.description} if self.description else {}
        return whole | ({"default": self.default} if self.default is not None else {})


def _argument(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class HttpRequest(Entry):
    """What is sent; ``{name}`` stands for an argument, ``{secret.name}`` for one of the configuration's secrets.
    A mapping as a value of the query is sent as JSON.

    ``reads``: a person says that this POST changes nothing.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    query: dict[str, str | int | float | bool | dict[str, Any]] = {}
    body: Any = Field(default=None, alias="json")
    form: dict[str, str | int] = {}
    reads: bool = False

    def names(self) -> set[str]:
        """What it needs to be filled in."""
        given = chain([self.path], _texts(self.query), _texts(self.body), _texts(self.form))
        return {name for text in given for name in PLACE.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_texts, value))


Scalar = str | int | bool | None


class Success(Entry):
    """How the answer says that it was done. ``status``: none named, any 2xx; ``json``: path → value, or a list of them; ``message``: path of its words."""

    status: tuple[int, ...] = ()
    fields: dict[str, Scalar | list[Scalar]] = Field(default={}, alias="json")
    message: str = ""


class Pages(Entry):
    """Further pages of a query. ``next``: where the answer has the cursor of the next page, or its address; else a number is counted.
    Without ``query`` the cursor of OData is taken from that address.
    """

    query: str = ""
    first: int = 1
    step: int = Field(1, ge=1)
    next: str = ""
    most: int = Field(5, ge=1, le=10)


class Fetching(Entry):
    """A query that is asked by itself, and what it finds imported as ``format``. ``since``: the argument that gets the time from
    which on (an integer: epoch seconds; else ISO 8601 in UTC), ``days`` back at first.

    ``each``: the answer maps keys to entries; that tool is asked for every key whose entry has another ``changed`` than before.
    """

    format: str = Field(pattern=r"^[a-z0-9_]{1,60}$")
    minutes: int = Field(60, ge=1, le=1440)
    days: int = Field(30, ge=1, le=3650)
    since: str = ""
    each: str = ""
    changed: str = "timestamp"


class HttpTool(ListedTool):
    """A tool with its whole definition. ``enabled``: false is kept, and is off; ``rate``: calls a minute of one process."""

    enabled: bool = True
    description: str = ""
    request: HttpRequest
    arguments: dict[str, Annotated[Argument, BeforeValidator(_argument)]] = {}
    extract: str = ""
    success: Success = Success()
    errors: dict[str, str] = {}
    pages: Pages | None = None
    fetch: Fetching | None = None
    rate: int = Field(60, ge=1, le=6000)
    timeout_s: float = Field(0, ge=0, le=40)

    def eases(self, before: ListedTool | None) -> bool:
        """As of any tool; and whoever changes what is sent, or how its answer is understood, decides what it does."""
        if not self.enabled:
            return _defined(self) != _defined(before)
        return (
            not getattr(before, "enabled", False)
            or super().eases(before)
            or _defined(self) != _defined(before)
        )

    def as_entry(self) -> dict[str, Any]:
        """As files and the configuration keep it."""
        return super().as_entry() | _defined(self) | ({} if self.enabled else {"enabled": False})

    def as_schema(self) -> dict[str, Any]:
        """Of its arguments."""
        return {
            "type": "object", "properties": {name: one.as_schema() for name, one in self.arguments.items()},
            "required": [name for name, one in self.arguments.items() if one.needed],
        }  # fmt: skip

    def offered(self, name: str, base: str) -> OfferedTool:
        """As the catalogue knows tools; the digest is of all that is sent, and where."""
        sealed = json.dumps([name, base, _defined(self)], sort_keys=True)
        digest = hashlib.sha256(sealed.encode()).hexdigest()
        told = self.description or f"{self.request.method} {self.request.path}"
        return OfferedTool(name, told, self.as_schema(), (), digest)

    def fault(self) -> str:
        """What is wrong with it, every key being right by itself; "" for nothing."""
        request, names = self.request, self.request.names()
        if not _PATH.fullmatch(request.path) or "?" in request.path or "#" in request.path:
            return "request.path 应以 / 开头，只写路径；参数写在 query 里"
        if self.classed == "read" and request.method != "GET" and not request.reads:
            return f"列为 read 而用 {request.method}：确认它只查询、不改动，就写 request.reads: true"
        if request.method == "GET" and (request.body is not None or request.form):
            return "GET 没有请求体：参数写在 query 里"
        if unknown := sorted(
            one for one in names if not one.startswith(SECRET) and one not in self.arguments
        ):
            return f"{{{unknown[0]}}} 没有写在 arguments 里"
        if unused := sorted(set(self.arguments) - names):
            return f"参数「{unused[0]}」没有用到"
        if bad := [name for name in self.arguments if not _NAME.fullmatch(name)]:
            return f"参数名「{bad[0][:60]}」只能是小写字母、数字和下划线"
        optional = [
            one
            for one in PLACE.findall(request.path)
            if one in self.arguments and self.arguments[one].optional
        ]
        if optional:
            return f"路径里的参数「{optional[0]}」不能省略"
        if len(json.dumps(_defined(self), ensure_ascii=False)) > LARGEST:
            return f"超过 {LARGEST} 个字符"
        return self._fault_of_query()

    def _fault_of_query(self) -> str:
        """Of pages and of fetching."""
        pages, fetch = self.pages, self.fetch
        if (pages or fetch) and self.classed != "read":
            return "只有列为 read 的工具可以翻页（pages）、定时取（fetch）"
        if pages and not (pages.query or pages.next):
            return "pages 要写 query（页码的参数），或 next（下一页在应答的哪里）"
        if fetch and fetch.since and fetch.since not in self.arguments:
            return f"fetch.since 写的参数「{fetch.since}」不在 arguments 里"
        asked = [name for name, one in self.arguments.items() if one.needed]
        if fetch and (left := [name for name in asked if name != fetch.since]):
            return f"定时取（fetch）时没有人填参数「{left[0]}」：写上 default，或写成 fetch.since"
        return ""


def _defined(tool: ListedTool | None) -> dict[str, Any]:
    """Of a tool's entry, what is sent and how the answer is understood."""
    own = set(HttpTool.model_fields) - set(ListedTool.model_fields) - {"enabled"}
    return tool.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=own) if tool else {}


def check_tools(tools: Mapping[str, HttpTool]) -> None:
    """Raises InvalidInput that names the tool."""
    for name, tool in tools.items():
        if fault := tool.fault():
            raise InvalidInput(f"工具「{name}」：{fault}。")
    fetching = [(name, tool.fetch.each) for name, tool in tools.items() if tool.fetch]
    if len(fetching) > 1:
        raise InvalidInput("一个配置里只能有一个定时取（fetch）的工具：另一个请写成另一个配置。")
    for name, each in fetching:
        other = tools.get(each)
        if each and (other is None or other.classed != "read" or len(other.arguments) != 1):
            raise InvalidInput(f"工具「{name}」的 fetch.each 应是另一个列为 read、只有一个参数的工具。")


def secrets_of(tools: Mapping[str, HttpTool]) -> set[str]:
    """The names of the secrets that they are filled in with."""
    names = {name for tool in tools.values() for name in tool.request.names()}
    return {name.removeprefix(SECRET) for name in names if name.startswith(SECRET)}
