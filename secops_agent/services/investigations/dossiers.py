"""Dossiers: what the fixed checks found out about one alert, in the order of `CHECKS`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import Error as DatabaseError
from pydantic import TypeAdapter, ValidationError

from secops_agent.services.investigations.checks import (
    changes,
    estate,
    flaws,
    observables,
    occurrences,
    procedures,
    related,
)
from secops_agent.services.investigations.checks.base import Check, Statement
from secops_agent.services.investigations.subject import read
from secops_agent.services.investigations.weighing import Assessment, assess

CHECKS: Final[tuple[Check, ...]] = (
    occurrences.CHECK, estate.CHECK, flaws.CHECK, related.CHECK, observables.CHECK, changes.CHECK, procedures.CHECK,
)  # fmt: skip


log = logging.getLogger(__name__)
_ADAPTERS: Final = {check.name: TypeAdapter(check.facts) for check in CHECKS}


@dataclass(frozen=True, slots=True)
class Section:
    """What one check has to say."""

    title: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """``facts``: by the name of the check. ``missing``: the titles of checks that failed."""

    facts: Mapping[str, Any]
    missing: tuple[str, ...] = ()

    @property
    def sections(self) -> tuple[Section, ...]:
        """In words, in the order of the checks."""
        told = (Section(check.title, tuple(check.tell(facts))) for check, facts in self._known())
        return tuple(section for section in told if section.statements)

    @property
    def assessment(self) -> Assessment:
        """What it speaks for, by the table of today."""
        return assess(signal for check, facts in self._known() for signal in check.weigh(facts))

    def _known(self) -> Sequence[tuple[Check, Any]]:
        return [(check, self.facts[check.name]) for check in CHECKS if check.name in self.facts]

    def dump(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            check.name: _ADAPTERS[check.name].dump_python(facts, mode="json")
            for check, facts in self._known()
        }


def compile_dossier(
    alert_id: int, at: datetime | None = None, *, beat: Callable[[], object] = lambda: None
) -> Dossier:
    """Look now, or with ``at`` as far as it was known then. A check that fails is left out and named. Raises NotFound.

    ``beat`` is called before each check: it may take long.
    """
    subject = read(alert_id, at)
    facts, missing = {}, []
    for check in CHECKS:
        beat()
        try:
            facts[check.name] = check.look(subject)
        except DatabaseError:
            raise
        except Exception:
            log.exception("调查 A%s：检查「%s」出错", alert_id, check.title)
            missing.append(check.title)
    return Dossier(facts, tuple(missing))


def load_dossier(stored: Mapping[str, Any]) -> Dossier:
    """As an earlier version may have stored it: what is not understood any more is left out and named."""
    facts, missing = {}, []
    for check in CHECKS:
        try:
            facts[check.name] = _ADAPTERS[check.name].validate_python(stored[check.name])
        except (KeyError, ValidationError):
            missing.append(check.title)
    return Dossier(facts, tuple(missing))
