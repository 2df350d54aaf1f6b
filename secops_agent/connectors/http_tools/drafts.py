"""Drafts of HTTP tools: shipped ones for known devices, and one from an OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.core.configuration.documents import read_yaml
from bifang.core.errors import InvalidInput

PRESETS: Final = Path(__file__).with_name("presets")
LARGEST: Final = 8 << 20  # bytes of a document
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_TYPES: Final = {"integer": "integer", "number": "number", "boolean": "boolean"}
_FORMATS: Final = {"ipv4": "ip", "ipv6": "ip", "ip": "ip", "hostname": "host"}
_MOST: Final = 200
_TOLD: Final = 200


def preset_names() -> list[str]:
    """What is shipped."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> str:
    """The text of a file for apply_configs. Raises InvalidInput."""
    if name not in preset_names():
        raise InvalidInput(f"没有名为「{name[:60]}」的模板；有的是：{'、'.join(preset_names())}。")
    return (PRESETS / f"{name}.yaml").read_text("utf-8")


def draft_from_openapi(text: str) -> dict[str, Any]:
    """A document for apply_configs: what is asked by GET reads, the rest is dangerous and off. Raises InvalidInput."""
    if len(text) > LARGEST:
        raise InvalidInput(f"OpenAPI 文件超过 {LARGEST >> 20} MB。")
    document = _document(text)
    paths = document.get("paths")
    if not isinstance(paths, dict) or not (document.get("openapi") or document.get("swagger")):
        raise InvalidInput("这不是 OpenAPI（或 Swagger 2.0）的文件：没有 openapi 和 paths。")
    base, prefix = _base(document)
    tools: dict[str, Any] = {}
    for path, operations in paths.items():
        for method in _METHODS if isinstance(operations, dict) else ():
            if isinstance(operations.get(method), dict) and len(tools) < _MOST:
                shared = operations.get("parameters") or []
                tools[_name(method, path, operations[method], tools)] = _tool(
                    document, method, f"{prefix}{path}", operations[method], shared
                )
    name = str((document.get("info") or {}).get("title") or "接口")[:60]
    return {
        "configs": [{"kind": "http_tools", "name": name, "base_url": base, "tools": tools, "dry_run": True}]
    }


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = read_yaml(text, aliases=False)
    if not isinstance(found, dict):
        raise InvalidInput("这不是 OpenAPI 的文件：最外层应为映射。")
    return found


def _base(document: Mapping[str, Any]) -> tuple[str, str]:
    """Where it is, and what its paths begin with."""
    servers = document.get("servers")
    url = (
        str(servers[0].get("url") or "")
        if isinstance(servers, list) and servers and isinstance(servers[0], dict)
        else ""
    )
    if document.get("swagger"):
        url = f"https://{document.get('host') or ''}{document.get('basePath') or ''}"
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "https://example.corp"
    return base, parts.path.rstrip("/")


def _name(method: str, path: str, operation: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    wanted = str(operation.get("operationId") or f"{method}_{path}")
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", wanted).strip("_")[:100] or method
    return next(
        one for one in (name, *(f"{name}_{number}" for number in range(2, _MOST + 2))) if one not in taken
    )


def _tool(
    document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any], shared: Any
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    request: dict[str, Any] = {
        "method": method.upper(),
        "path": re.sub(r"\{([^}]*)\}", lambda match: f"{{{_argument(match[1])}}}", path),
    }
    given = [*(shared if isinstance(shared, list) else []), *(operation.get("parameters") or [])]
    for one in (_resolved(document, each) for each in given):
        place, name = one.get("in"), str(one.get("name") or "")
        if place in ("path", "query") and name:
            arguments[_argument(name)] = _typed(
                document, one, needed=place == "path" or bool(one.get("required"))
            )
        if place == "query" and name:
            request.setdefault("query", {})[name] = f"{{{_argument(name)}}}"
    for name, schema, needed in _body(document, operation) if method != "get" else ():
        arguments[_argument(name)] = _typed(document, {"schema": schema}, needed=needed)
        request.setdefault("json", {})[name] = f"{{{_argument(name)}}}"
    told = str(operation.get("summary") or operation.get("description") or "").split("\n")[0][:_TOLD]
    return {
        "class": "read" if method == "get" else "dangerous", **({} if method == "get" else {"enabled": False}),
        **({"description": told} if told else {}), "request": request, **({"arguments": arguments} if arguments else {}),
    }  # fmt: skip


def _argument(name: str) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")[:60]
    return found if found[:1].isalpha() else f"a_{found}"


def _resolved(document: Mapping[str, Any], one: Any) -> Mapping[str, Any]:
    """What a reference within the document stands for; {} for anything else."""
    for _ in range(8):
        place = one.get("$ref") if isinstance(one, dict) else None
        if not isinstance(place, str):
            break
        one = document if place.startswith("#/") else None
        for part in place[2:].split("/"):
            one = one.get(part) if isinstance(one, dict) else None
    return one if isinstance(one, dict) else {}


def _typed(document: Mapping[str, Any], parameter: Mapping[str, Any], *, needed: bool) -> dict[str, Any]:
    schema = _resolved(document, parameter.get("schema") or parameter)
    kind = _FORMATS.get(str(schema.get("format"))) or _TYPES.get(str(schema.get("type")), "string")
    many = schema.get("type") == "array"
    choices = [one for one in schema.get("enum") or [] if isinstance(one, str | int)]
    told = str(parameter.get("description") or schema.get("description") or "").split("\n")[0][:_TOLD]
    return {
        "type": kind, **({"description": told} if told else {}), **({"enum": choices} if choices else {}),
        **({"many": True} if many else {}), **({} if needed else {"optional": True}),
    }  # fmt: skip


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Name, schema and whether it is needed of the fields of a JSON body; nested ones are left to a person."""
    content = _resolved(document, operation.get("requestBody")).get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    schema = _resolved(document, media.get("schema") if isinstance(media, dict) else None)
    properties = schema.get("properties")
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    for name, one in properties.items() if isinstance(properties, dict) else ():
        if _resolved(document, one).get("type") != "object":
            yield str(name), one, name in (required or [])
