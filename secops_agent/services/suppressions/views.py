"""Views of suppression rules, for the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from secops_agent.models import SuppressionRule
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page, cut


@dataclass(frozen=True, slots=True)
class SuppressionView:
    """``hits``: occurrences that it suppressed; ``trial``: what the days before said when it was switched on."""

    id: int
    name: str
    enabled: bool
    conditions: Mapping[str, Any]
    reason: str
    expires_at: datetime | None
    hits: int
    last_hit_at: datetime | None
    trial: Mapping[str, Any]
    made_by: str
    enabled_by: str
    updated_at: datetime


def view_suppression(row: SuppressionRule) -> SuppressionView:
    """One."""
    return SuppressionView(
        row.pk, row.name, row.enabled, row.conditions, row.reason, row.expires_at, row.hits, row.last_hit_at, row.trial,
        row.made_by, row.enabled_by, row.updated_at,
    )  # fmt: skip


def find_suppression(rule_id: int) -> SuppressionRule:
    """Raises NotFound."""
    row = SuppressionRule.objects.filter(pk=rule_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {rule_id} 的抑制规则。")
    return row


def search_suppressions(limit: int = 20, cursor: str = "") -> Page[SuppressionView]:
    """By name. Raises InvalidInput."""
    return cut(SuppressionRule.objects.all(), ("name", "id"), limit, cursor, _views)


def _views(rows: Iterable[SuppressionRule]) -> list[SuppressionView]:
    return [view_suppression(row) for row in rows]
