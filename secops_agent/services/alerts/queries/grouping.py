"""Columns of an alert by which alerts are counted: one expression for each dimension, wherever that is."""

from typing import Any, Final

from django.db.models import F, Value
from django.db.models.functions import Coalesce, NullIf

RULE: Final = Coalesce(NullIf("rule_name", Value("")), NullIf("rule_id", Value("")), "title")
VALUES: Final[dict[str, Any]] = {name: F(name) for name in ("severity", "status", "source", "verdict")} | {
    "rule": RULE, "asset": F("asset_links__asset_id"), "assignee": F("assignee_id"),
}  # fmt: skip
