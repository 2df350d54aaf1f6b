"""Pages of a kind: what those of its configurations show and do, as the application of the kind declares it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, badge, moment, shortened
from bifang.core.admin.panels import Step
from bifang.core.models import SystemConfig
from bifang.core.registry import Registry

if TYPE_CHECKING:
    from bifang.core.admin.trying import Checkup

PAGES: Final = "admin/core/systemconfig"
Fact = tuple[str, SafeString | str]  # label and value


@dataclass(frozen=True, slots=True)
class Live:
    """``tone``: ok, info, warn, bad, idle. ``error``: what stands in the way now, nothing that is over."""

    text: str
    tone: str
    detail: str = ""
    error: str = ""
    error_at: datetime | None = None

    @property
    def state(self) -> SafeString:
        """The badge and what is beside it. The page's script puts in a newer one, and a newer `problem` with it."""
        return format_html('{}<span class="bf-note">{}</span>', badge(self.text, self.tone), self.detail)

    @property
    def problem(self) -> SafeString | str:
        """The error and its time."""
        return problem(self.error, self.error_at)


def problem(text: str, at: datetime | None) -> SafeString | str:
    """An error and its time, short."""
    if not text:
        return NOTHING
    return format_html('<span class="bf-error">{}</span>{}', shortened(text, 80), moment(at))


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPage:
    """``watch``: what configurations are doing, by id. ``checkup``: how one is tried. ``guide``: every step until one does
    its work, in order, done or not. ``facts``: what is known of one. ``footer``: HTML below its form.
    """

    kind: str
    watch: Callable[[Sequence[SystemConfig]], Mapping[int, Live]] | None = None
    checkup: "Checkup | None" = None
    guide: Callable[[HttpRequest, SystemConfig], Iterable[Step]] | None = None
    facts: Callable[[HttpRequest, SystemConfig], Sequence[Fact]] | None = None
    footer: Callable[[HttpRequest, SystemConfig], SafeString] | None = None


KIND_PAGES: Final = Registry[KindPage](attrgetter("kind"))


def page_of(kind: str) -> KindPage:
    """One that shows nothing, for a kind whose application declares none."""
    return KIND_PAGES.get(kind) or KindPage(kind=kind)


def watched_kinds() -> tuple[str, ...]:
    """Names of the kinds that have a live state."""
    return tuple(page.kind for page in KIND_PAGES if page.watch)


def look(configs: Iterable[SystemConfig]) -> dict[int, Live]:
    """Configuration id → live state, for those whose kind has one; one look per kind."""
    rows, states = list(configs), dict[int, Live]()
    for page in KIND_PAGES:
        mine = [row for row in rows if row.kind == page.kind]
        if page.watch and mine:
            states.update(page.watch(mine))
    return states


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
