"""没有合并的资产: the same words on every page of a source that alerts come from by themselves."""

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html, format_html_join

from bifang.core.admin.base import ago
from bifang.core.admin.kind_pages import Fact
from secops_agent.services.intake import unmerged
from secops_agent.services.intake.ledger import APART

_SHOWN: Final = 20


def apart_facts(config_id: int) -> Sequence[Fact]:
    """Which, and what to do; nothing where there are none."""
    rows = unmerged.noted(config_id)
    if not rows:
        return []
    shown = format_html_join("", "<li>{}，最近 {}</li>", ((row.names, ago(row.at)) for row in rows[:_SHOWN]))
    more = f"只列出最近的 {_SHOWN} 组。" if len(rows) > _SHOWN else ""
    told = format_html('{} 组{}{}<ul class="bf-list">{}</ul>', len(rows), APART, more, shown)
    return [("没有合并的资产", told)]
