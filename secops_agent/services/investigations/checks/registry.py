"""All checks in the order in which they are shown. A new one is one more module and one line here."""

from typing import Final

from secops_agent.services.investigations.checks import (
    changes,
    estate,
    flaws,
    observables,
    occurrences,
    procedures,
    related,
)
from secops_agent.services.investigations.checks.base import Check

CHECKS: Final[tuple[Check, ...]] = (
    occurrences.CHECK, estate.CHECK, flaws.CHECK, related.CHECK, observables.CHECK, changes.CHECK, procedures.CHECK,
)  # fmt: skip
