"""接下来: what is still to be done until a configuration does its work, and what is known of how it works."""

from collections.abc import Callable, Iterable, Sequence

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from bifang.core.admin.panels import Step
from bifang.core.models import SystemConfig

Guide = Callable[[HttpRequest, SystemConfig], Iterable[Step]]
Fact = tuple[str, SafeString | str]  # label and value
Facts = Callable[[HttpRequest, SystemConfig], Sequence[Fact]]
PAGES = "admin/core/systemconfig"
_guides: dict[str, Guide] = {}
_facts: dict[str, Facts] = {}


def register_guide(kind: str, guide: Guide) -> None:
    """Called when the application's admin is loaded. `guide` gives every step in order, done or not."""
    _guides[kind] = guide


def register_facts(kind: str, facts: Facts) -> None:
    """Called when the application's admin is loaded."""
    _facts[kind] = facts


def next_step(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """The first step that is not done, as a panel; "" when all are, or for people who may change nothing."""
    guide = _guides.get(config.kind)
    if guide is None or not request.user.has_perm("core.change_systemconfig"):
        return ""
    steps = list(guide(request, config))
    step = next((one for one in steps if not one.done), None)
    return render_to_string(f"{PAGES}/next.html", {"step": step, "steps": steps}) if step else ""


def facts(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """What is known, as a list; "" for nothing."""
    found = _facts[config.kind](request, config) if config.kind in _facts else []
    return render_to_string(f"{PAGES}/facts.html", {"facts": found}) if found else ""
