"""Saved views: each person's own lists of alerts, under a name."""

from typing import Final

from django.db import transaction

from bifang.core.errors import InvalidInput
from secops_agent.models import SavedView
from secops_agent.services.faults import NotFound

MOST: Final = 20
LONGEST: Final = 40


def save(user_id: int, name: str, query: str) -> SavedView:
    """Under that name, instead of what was there. ``query`` is one that the page wrote. Raises InvalidInput."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST:
        raise InvalidInput(f"请给这个视图一个名称，最多 {LONGEST} 个字。")
    with transaction.atomic():
        others = SavedView.objects.filter(owner_id=user_id).exclude(name=name)
        if others.count() >= MOST:
            raise InvalidInput(f"最多保存 {MOST} 个视图：请先删除不用的。")
        row, _ = SavedView.objects.update_or_create(owner_id=user_id, name=name, defaults={"query": query})
    return row


def delete(user_id: int, view_id: int) -> None:
    """Raises NotFound."""
    if not SavedView.objects.filter(owner_id=user_id, pk=view_id).delete()[0]:
        raise NotFound("没有这个视图，可能已经删除。")
