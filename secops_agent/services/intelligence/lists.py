"""Lists of indicators: changes that people make, each in the audit trail."""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from secops_agent.models import IndicatorHit, IndicatorList, ListedIndicator
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.intelligence import comparing

REMOVER: Final = f"{__name__}.remove"
_PIECE: Final = 500


def save(row: IndicatorList, changed: Sequence[str], actor: Actor) -> None:
    """A new list, or what the form changed. One that is switched on, or asks for a graver level, is compared again
    with what came in meanwhile."""
    made = row.pk is None
    row.save()
    told = {name: str(getattr(row, name)) for name in changed}
    keep(actor, f"{'新增' if made else '修改'}情报清单「{row.name}」", f"indicator_list:{row.pk}", told)
    if row.enabled and "enabled" in changed:
        comparing.begin(row.pk)


def retire(row: IndicatorList, actor: Actor) -> None:
    """It counts no more at once, and a task process removes it in pieces: a hundred thousand entries at once would keep
    everybody waiting. If that fails, it stays, switched off, and may be deleted again."""
    from django_q.tasks import async_task  # reads its settings when it is imported

    with transaction.atomic():
        IndicatorList.objects.filter(pk=row.pk).update(enabled=False)
        keep(actor, f"删除情报清单「{row.name}」", f"indicator_list:{row.pk}", {"name": row.name})
    options = {"task_name": "删除情报清单", "group": "删除情报清单", "save": False}
    transaction.on_commit(lambda: async_task(REMOVER, row.pk, q_options=options))


def remove(list_id: int) -> int:
    """What a task process does of it; returns how many entries. One that was switched on again stays."""
    gone = 0
    mine = ListedIndicator.objects.filter(list_id=list_id, list__enabled=False).order_by("pk")
    while ids := list(mine.values_list("pk", flat=True)[:_PIECE]):
        with transaction.atomic():
            IndicatorHit.objects.filter(entry_id__in=ids).delete()
            ListedIndicator.objects.filter(pk__in=ids).delete()
        gone += len(ids)
    IndicatorList.objects.filter(pk=list_id, enabled=False).delete()
    return gone


def drop_entry(row: ListedIndicator, actor: Actor) -> None:
    """It names nothing any more."""
    with transaction.atomic():
        told = {"list": row.list.name, "kind": row.kind, "value": row.value}
        keep(actor, f"删除情报条目「{row.value[:100]}」", f"indicator_list:{row.list_id}", told)
        row.delete()
