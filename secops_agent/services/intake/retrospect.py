"""Retrospective matching: stored alerts are compared with lists that have new entries, piece by piece."""

import logging
import time
from typing import Final

from django.db import DatabaseError
from django.utils import timezone

from secops_agent.models import Alert, AlertIndicator, IndicatorList
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.intake.hits import HitSearch, note_hits
from secops_agent.services.intelligence import comparing
from secops_agent.services.intelligence.matching import Observed, lists_in_force
from secops_agent.services.notifications.matching import Changed, note_changes
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.sla import SlaLimits
from secops_agent.services.suppressions import applying
from secops_agent.services.vulnerabilities.priority import rank
from secops_agent.services.writing import import_transaction

log = logging.getLogger(__name__)
JOB: Final = f"{__name__}.compare"
_PIECE: Final = 200  # alerts of one transaction


def compare(seconds: float = 40.0) -> int:
    """Go on until everything is compared, or the time is over; the next run goes on. Returns the alerts with new hits.

    Two at once do no harm: a piece counts only for whoever notes it.
    """
    deadline, hit = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (owner := comparing.behind()) is not None:
        with import_transaction():
            hit += _compare_piece(IndicatorList.objects.select_for_update().get(pk=owner.pk))
    return hit


def _compare_piece(owner: IndicatorList) -> int:
    rest = Alert.objects.filter(pk__gt=owner.compared, pk__lte=owner.compare_to).order_by("pk")
    ids = list(rest.values_list("pk", flat=True)[:_PIECE])
    if not comparing.advance(owner, ids[-1] if ids else owner.compare_to):
        return 0
    observed: dict[int, set[Observed]] = {}
    for alert_id, kind, value in values_by(AlertIndicator, ["alert_id", "kind", "value"], alert_id=ids):
        observed.setdefault(alert_id, set()).add((kind, value))
    return _note(observed, owner) if observed else 0


def _note(observed: dict[int, set[Observed]], owner: IndicatorList) -> int:
    scene = HitSearch(timezone.now(), Actor.system("intelligence"), SlaLimits(), lists_in_force(owner.pk))
    rows = {row.pk: row for row in rows_by(Alert, "id", list(observed), lock=True)}
    before = {pk: row.severity for pk, row in rows.items()}
    hit = note_hits(rows, {pk: observed[pk] for pk in rows}, scene)
    woken = applying.lift([rows[pk] for pk in hit], scene.actor, "命中情报清单，不再抑制")
    note_changes([_changed(rows[pk], before[pk], pk in woken) for pk in sorted(hit)], scene.now)
    return len(hit)


def _changed(row: Alert, severity: str, woken: bool) -> Changed:
    """What was closed by a person stays so, and nobody is called."""
    if row.status == AlertStatus.CLOSED:
        return Changed(row, frozenset())
    risen = {"risen"} if rank(row.severity) > rank(severity) else set()
    return Changed(row, frozenset({"hit", *risen, *(["new"] if woken else [])}))


def nudge() -> None:
    """Tell the task processes that there is work; without it, it begins within a minute."""
    from django_q.tasks import async_task  # reads its settings when it is imported

    try:
        async_task(JOB, q_options={"task_name": "情报比对", "group": "情报比对", "save": False})
    except (DatabaseError, OSError) as error:
        log.warning("无法通知后台任务进程，情报比对会在一分钟内开始：%s", error)
