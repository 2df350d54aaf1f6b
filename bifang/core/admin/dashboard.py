"""What 工作台 shows of the system: which configurations are connected, which switches are on, what is to be set up."""

from collections.abc import Container, Iterable, Sequence

from django.http import HttpRequest
from django.urls import reverse

from bifang.core.admin import kind_pages, panels
from bifang.core.admin.switches import MEANINGS
from bifang.core.models import SystemConfig
from bifang.core.switches import read_switches

MOST_CONNECTIONS = 12
MOST_NAMED = 3


def connections(request: HttpRequest) -> list[tuple[SystemConfig, kind_pages.Live]]:
    """The enabled configurations that have a live state, as far as this person may see them."""
    if not request.user.has_perm("core.view_systemconfig"):
        return []
    rows = SystemConfig.objects.current().filter(kind__in=kind_pages.watched_kinds(), enabled=True)
    configs = list(rows.order_by("id")[:MOST_CONNECTIONS])
    states = kind_pages.look(configs)
    return [(config, states[config.pk]) for config in configs if config.pk in states]


def switches_on(on: Container[str]) -> list[str]:
    """Labels of these switches: everyone should know why the robot behaves oddly."""
    return [meaning.label for meaning in MEANINGS if meaning.name in on]


def named(names: Sequence[str]) -> str:
    """All of a few, for a card that says how many: a、b、c 等."""
    return "、".join(names[:MOST_NAMED]) + (" 等" if len(names) > MOST_NAMED else "")


def switch_state(request: HttpRequest) -> tuple[str, str]:
    """For the card of 系统开关: what is on, and the tone."""
    on = switches_on(read_switches())
    return (f"已打开：{'、'.join(on)}", "warn") if on else ("没有打开的，一切照常", "ok")


def connection_state(request: HttpRequest) -> tuple[str, str]:
    """For the card of 连接状态: how the enabled configurations are connected, and the tone."""
    live = connections(request)
    lost = [f"{config.name} {state.text}" for config, state in live if state.tone == "bad"]
    doubtful = [f"{config.name} {state.text}" for config, state in live if state.tone not in ("ok", "bad")]
    if not live:
        return "还没有要连接的配置", "idle"
    if lost:
        return f"{len(lost)} 个不正常：{named(lost)}", "bad"
    return (named(doubtful), "warn") if doubtful else (f"{len(live)} 个都连着", "ok")


def config_step(request: HttpRequest, kind: str, title: str, text: str) -> Iterable[panels.Step]:
    """The step "add a configuration of this kind", done when an enabled one exists."""
    if not request.user.has_perm("core.add_systemconfig"):
        return []
    done = SystemConfig.objects.enabled(kind).exists()
    return [panels.Step(title, text, done, f"{reverse('admin:core_systemconfig_add')}?kind={kind}")]
