"""Page of a kind: what the pages of its configurations show and do, as the application of the kind declares it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest
from django.utils.safestring import SafeString

from bifang.core.models import SystemConfig
from bifang.core.registry import Registry

if TYPE_CHECKING:
    from bifang.core.admin.live import Live
    from bifang.core.admin.panels import Step
    from bifang.core.admin.trying import Checkup

Fact = tuple[str, SafeString | str]  # label and value


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPage:
    """``watch``: what configurations are doing, by id. ``checkup``: how one is tried. ``guide``: every step until one does
    its work, in order, done or not. ``facts``: what is known of one. ``footer``: HTML below its form.
    """

    kind: str
    watch: "Callable[[Sequence[SystemConfig]], Mapping[int, Live]] | None" = None
    checkup: "Checkup | None" = None
    guide: "Callable[[HttpRequest, SystemConfig], Iterable[Step]] | None" = None
    facts: Callable[[HttpRequest, SystemConfig], Sequence[Fact]] | None = None
    footer: Callable[[HttpRequest, SystemConfig], SafeString] | None = None


KIND_PAGES: Final = Registry[KindPage](attrgetter("kind"))


def page_of(kind: str) -> KindPage:
    """One that shows nothing, for a kind whose application declares none."""
    return KIND_PAGES.get(kind) or KindPage(kind=kind)
