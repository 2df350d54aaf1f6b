"""What configurations are doing right now; the application of a kind says it, lists and pages show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, badge, moment, shortened
from bifang.core.admin.kind_pages import KIND_PAGES
from bifang.core.models import SystemConfig


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


def watched_kinds() -> tuple[str, ...]:
    """Names of the kinds that have a live state."""
    return tuple(page.kind for page in KIND_PAGES if page.watch)


def look(configs: Iterable[SystemConfig]) -> dict[int, Live]:
    """Configuration id → live state, for those whose kind has one; one look per kind."""
    rows, states = list(configs), dict[int, Live]()
    for page in KIND_PAGES:
        if page.watch:
            states.update(page.watch([row for row in rows if row.kind == page.kind]))
    return states
