"""测试: try a configuration out as it is stored, say what was found, and take over what it offers."""

import asyncio
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from bifang.core import configs
from bifang.core.admin.base import author_of, badge
from bifang.core.errors import BifangError
from bifang.core.kinds import Kind, Probed, get_kind
from bifang.core.models import SystemConfig

TONES = {"ok": "通过", "warn": "有问题", "bad": "没有通过"}


@dataclass(frozen=True, slots=True)
class Offered:
    """A field, and what it may be set to at a click: value and label."""

    name: str
    label: str
    now: str
    values: list[tuple[str, str]]


def try_out(config: SystemConfig) -> Probed:
    """As the workers would use it. What works now has no last error any more, and is used again at once."""
    kind = get_kind(config.kind)
    try:
        found = asyncio.run(kind.probe(configs.load(config)))
    except BifangError as error:
        return Probed("bad", error.message)
    if found.tone != "bad":
        configs.report_error(config.pk, "")
    return found


def take_over(request: HttpRequest, config: SystemConfig) -> str:
    """Set the field that was clicked; returns what is wrong with that, or ""."""
    kind = get_kind(config.kind)
    name = request.POST.get("chosen", "")
    if name not in kind.fields or name not in request.POST:
        return ""
    try:
        configs.save(
            config.kind,
            config.name,
            config.enabled,
            {name: request.POST[name]},
            config=config,
            author=author_of(request),
        )
    except configs.FieldErrors as errors:
        return str(errors)
    return ""


def shown(config: SystemConfig, found: Probed) -> dict[str, Any]:
    """The context of the page."""
    kind = get_kind(config.kind)
    values, _ = configs.values_of(config)
    return {
        "title": f"测试「{config}」", "object": config, "found": found, "badge": badge(TONES[found.tone], found.tone),
        "offers": [_offered(kind, name, values[name], given) for name, given in found.choices.items()],
    }  # fmt: skip


def _offered(kind: type[Kind], name: str, now: Any, values: Any) -> Offered:
    field = kind.fields[name]
    labelled = [(str(value), field.shown(value)) for value in values]
    return Offered(name, str(field.label), field.shown(now) or "未设置", labelled)
