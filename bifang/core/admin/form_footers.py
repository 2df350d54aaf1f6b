"""What the application of a kind shows below the form of its configurations."""

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.safestring import SafeString

from bifang.core.models import SystemConfig

Render = Callable[[HttpRequest, SystemConfig], SafeString]
_renders: dict[str, Render] = {}


def register_footer(kind: str, render: Render) -> None:
    """Called when the application's admin is loaded."""
    _renders[kind] = render


def form_footer(request: HttpRequest, config: SystemConfig) -> SafeString | str:
    """HTML, "" for a kind that shows nothing."""
    render = _renders.get(config.kind)
    return render(request, config) if render else ""
