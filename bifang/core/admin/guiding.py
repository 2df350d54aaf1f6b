"""接下来: what is still to be done until a configuration does its work, and what is known of how it works."""

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from bifang.core.admin.kind_pages import page_of
from bifang.core.models import SystemConfig

PAGES = "admin/core/systemconfig"


def next_step(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """The first step that is not done, as a panel; "" when all are, or for people who may change nothing."""
    guide = page_of(config.kind).guide
    if guide is None or not request.user.has_perm("core.change_systemconfig"):
        return ""
    steps = list(guide(request, config))
    step = next((one for one in steps if not one.done), None)
    return render_to_string(f"{PAGES}/next.html", {"step": step, "steps": steps}) if step else ""


def facts(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """What is known, as a list; "" for nothing."""
    tell = page_of(config.kind).facts
    found = tell(request, config) if tell else []
    return render_to_string(f"{PAGES}/facts.html", {"facts": found}) if found else ""


def form_footer(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """HTML below the form, "" for a kind that shows nothing."""
    render = page_of(config.kind).footer
    return render(request, config) if render else ""
