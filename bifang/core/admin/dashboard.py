"""The first page: what runs, what waits, what failed, and what to do next."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from bifang.core.admin import live, panels
from bifang.core.admin.switches import MEANINGS
from bifang.core.models import Switch, SystemConfig

MOST_CONNECTIONS = 12


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """`UNFOLD["DASHBOARD_CALLBACK"]`."""
    steps = panels.steps(request)
    return context | {
        "title": "概览",
        "bf_cards": panels.cards(request),
        "bf_steps": steps if not all(step.done for step in steps) else [],
        "bf_connections": _connections(request),
        "bf_switches": _switches(request),
        "live_url": reverse("admin:core_systemconfig_live"),
    }


def _connections(request: HttpRequest) -> list[tuple[SystemConfig, live.Live]]:
    if not request.user.has_perm("core.view_systemconfig"):
        return []
    rows = SystemConfig.objects.current().filter(kind__in=live.watched_kinds(), enabled=True)
    configs = list(rows.order_by("id")[:MOST_CONNECTIONS])
    states = live.look(configs)
    return [(config, states[config.pk]) for config in configs if config.pk in states]


def _switches(request: HttpRequest) -> list[str]:
    """Labels of the switches that are on: everyone should know why the robot behaves oddly."""
    on = set(Switch.objects.filter(on=True).values_list("name", flat=True))
    return [meaning.label for meaning in MEANINGS if meaning.name in on]


def config_step(request: HttpRequest, kind: str, title: str, text: str) -> Iterable[panels.Step]:
    """The step "add a configuration of this kind", done when an enabled one exists."""
    if not request.user.has_perm("core.add_systemconfig"):
        return []
    done = SystemConfig.objects.enabled(kind).exists()
    return [panels.Step(title, text, done, f"{reverse('admin:core_systemconfig_add')}?kind={kind}")]
