"""Requests of HTTP tools: a definition filled in, each value encoded for the place where it stands."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from bifang.core.errors import InvalidInput
from secops_agent.services.mcp.http import PLACE, SECRET, HttpRequest, HttpTool

MASK: Final = "***"  # what stands for a secret where a request is shown
_NOTHING: Final = object()
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class FilledRequest:
    """Ready to be sent. ``json`` is data; ``query`` stands in the address as well."""

    method: str
    url: str
    query: Mapping[str, str]
    json: Any = None
    form: Mapping[str, str] | None = None

    @property
    def shown(self) -> str:
        """Exactly what is sent, in one line."""
        body = "" if self.json is None else f" {json.dumps(self.json, ensure_ascii=False)}"
        form = f" {urlencode(self.form, safe='*')}" if self.form else ""
        return f"{self.method} {self.url}{body}{form}"


def values_of(tool: HttpTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, and what stands for what was not."""
    defaults = {name: one.default for name, one in tool.arguments.items() if one.default is not None}
    return defaults | dict(arguments)


class _Masked(dict[str, Any]):
    """Every secret as `MASK`."""

    def __missing__(self, name: str) -> str:
        if name.startswith(SECRET):
            return MASK
        raise KeyError(name)


def show(tool: HttpTool, base: str, arguments: Mapping[str, Any]) -> str:
    """The request as people decide about it. Raises InvalidInput."""
    return fill(tool.request, base, _Masked(values_of(tool, arguments))).shown


def fill(
    request: HttpRequest, base: str, values: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> FilledRequest:
    """``values``: arguments, and secrets as ``secret.name``; ``more`` of the query. Raises InvalidInput."""
    query = {
        name: text for name, one in request.query.items() if (text := _text(one, values)) is not _NOTHING
    }
    query |= dict(more or {})
    form = {name: text for name, one in request.form.items() if (text := _text(one, values)) is not _NOTHING}
    tail = f"?{urlencode(query, quote_via=quote, safe='*')}" if query else ""
    filled = None if request.body is None else _data(request.body, values, 0)
    body = {} if filled is _NOTHING else filled
    return FilledRequest(
        request.method, f"{base}{_path(request.path, values)}{tail}", query, body, form or None
    )


def _path(template: str, values: Mapping[str, Any]) -> str:
    """Every value stays within its segment: it names no other folder, no query and no host."""
    path = PLACE.sub(lambda match: quote(_word(_value(match[1], values)), safe="*"), template)
    if (
        any(part in ("", ".", "..") for part in path.removeprefix("/").removesuffix("/").split("/"))
        and path != "/"
    ):
        raise InvalidInput("参数不能放进地址的路径：为空，或是 . 和 ..。")
    return path


def _value(name: str, values: Mapping[str, Any]) -> Any:
    try:
        return values[name]
    except KeyError:
        return _NOTHING


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return "" if value is _NOTHING or value is None else re.sub(r"[\x00-\x1f\x7f]", " ", str(value))


def _text(template: Any, values: Mapping[str, Any]) -> Any:
    """A text, or nothing where an argument that was not given stands in it."""
    if isinstance(template, Mapping):
        data = _data(template, values, 0)
        return data if data is _NOTHING else json.dumps(data, ensure_ascii=False)
    if not isinstance(template, str):
        return _word(template)
    if any(_value(name, values) is _NOTHING for name in PLACE.findall(template)):
        return _NOTHING
    return PLACE.sub(lambda match: _word(values[match[1]]), template)


def _data(template: Any, values: Mapping[str, Any], depth: int) -> Any:
    """What is only one placeholder keeps its type; what needs an argument that was not given is left out."""
    if depth > _DEEPEST:
        raise InvalidInput("请求体嵌套太深。")
    if isinstance(template, str):
        whole = PLACE.fullmatch(template)
        return _value(whole[1], values) if whole else _text(template, values)
    if isinstance(template, Mapping):
        pairs = ((str(name), _data(one, values, depth + 1)) for name, one in template.items())
        return _unless_emptied({name: value for name, value in pairs if value is not _NOTHING}, template)
    if isinstance(template, list):
        kept = [value for one in template if (value := _data(one, values, depth + 1)) is not _NOTHING]
        return _unless_emptied(kept, template)
    return template


def _unless_emptied(kept: Any, template: Any) -> Any:
    """What holds nothing but what was left out is left out itself."""
    return kept if kept or not template else _NOTHING


def extract(data: Any, path: str) -> Any:
    """What stands at ``a.b[].c`` (``[]``: of each in a list; a number: the place in one); None for nothing."""
    if isinstance(data, dict) and path in data:
        return data[path]
    for part in path.split(".") if path else ():
        name, each = part.removesuffix("[]"), part.endswith("[]")
        if isinstance(data, list) and name.isdigit():
            data = data[int(name)] if int(name) < len(data) else None
        elif isinstance(data, list):
            data = [one.get(name) for one in data if isinstance(one, dict) and name in one]
        else:
            data = data.get(name) if isinstance(data, dict) else None
        if each and not isinstance(data, list):
            data = [] if data is None else [data]
    return data
