"""Saying something to one person in private, outside of a turn: through the application of their own corporation."""

from collections.abc import Sequence

from bifang.channels import outbox
from bifang.channels.ports import ReplyTarget, Suggestion
from bifang.core.models import SystemConfig
from secops_agent.models import Staff


def config_of(staff: Staff) -> int | None:
    """The configuration that reaches a person and may speak unasked; None if there is none."""
    rows = SystemConfig.objects.current().filter(kind="dingtalk", enabled=True).order_by("pk")
    mine = [
        row for row in rows if not staff.corp_id or row.params.get("corp_id") in (staff.corp_id, "", None)
    ]
    mine.sort(key=lambda row: row.params.get("corp_id") != staff.corp_id)  # a known corporation first
    return next((row.pk for row in mine if row.params.get("notifications_enabled", True)), None)


def tell(staff: Staff, title: str, text: str, *, key: str, suggestions: Sequence[Suggestion] = ()) -> bool:
    """Say it once per key, in the caller's transaction; False if nothing reaches them."""
    config_id = config_of(staff) if staff.active else None
    if config_id is None:
        return False
    target = ReplyTarget("", is_group=False, staff_id=staff.staff_id)
    outbox.notify(config_id, target, text, key=key, title=title, suggestions=suggestions)
    return True
