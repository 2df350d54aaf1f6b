"""Investigations done: those that wait, one after the other, by whichever worker claims them; and those somebody asks for."""

import logging
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import transaction

from bifang.core.db import database_now
from secops_agent.models import Alert, Investigation, InvestigationState
from secops_agent.services.faults import NotFound
from secops_agent.services.investigations import looks, trust
from secops_agent.services.investigations.dossiers import Dossier, compile_dossier
from secops_agent.services.investigations.wording import headline
from secops_agent.services.notifications.matching import facts_of, follow_up, group_key

log = logging.getLogger(__name__)
LEASE: Final = timedelta(seconds=60)  # of a worker that died its investigation is anybody's after this
ATTEMPTS: Final = 3
FAILED: Final = f"调查 {ATTEMPTS} 次都没有完成，请看日志；发送「调查告警 编号」可以再查。"


def step(seconds: float = 1.0) -> int:
    """Do what waits until the time is up; returns how many were done. Raises DatabaseError."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end and (row := _claim(database_now())) is not None:
        _conduct(row)
        count += 1
    return count


def _claim(now: datetime) -> Investigation | None:
    """Asked every second: it writes only where something waits. The number of the attempt is the token."""
    waiting = Investigation.objects.filter(state=InvestigationState.WAITING, due_at__lte=now)
    for row in waiting.order_by("due_at", "pk")[:20]:
        mine = Investigation.objects.filter(
            pk=row.pk, state=InvestigationState.WAITING, attempts=row.attempts, due_at__lte=now
        )
        if row.attempts >= ATTEMPTS:
            mine.update(state=InvestigationState.FAILED, finished_at=now, last_error=FAILED)
        elif mine.update(attempts=row.attempts + 1, due_at=now + LEASE):
            row.attempts += 1
            return row
    return None


def _conduct(row: Investigation) -> None:
    mine = Investigation.objects.filter(pk=row.pk, state=InvestigationState.WAITING, attempts=row.attempts)
    try:
        result = _result(row.alert_id, compile_dossier(row.alert_id))
    except DatabaseError:
        raise
    except Exception:
        log.exception("调查 A%s 出错，稍后重试", row.alert_id)
        mine.update(last_error=FAILED)
        return
    with transaction.atomic():
        if mine.update(**result):
            looks.queue(row)
            follow_up([row.alert_id])


def _result(alert_id: int, dossier: Dossier) -> dict[str, object]:
    found = dossier.assessment
    return {
        "state": InvestigationState.DONE,
        "facts": dossier.dump(),
        "verdict": found.verdict,
        "confidence": found.confidence,
        "conclusion": headline(dossier, suggests=trust.is_earned(alert_id))[:300],
        "finished_at": database_now(),
        "last_error": "",
    }


def investigate(alert_id: int, *, second_look: bool = False) -> tuple[Investigation, Dossier]:
    """Look into an alert now, because somebody asks; the one made on arrival stays as it was. Raises NotFound.

    ``second_look``: have it looked at again as those made on arrival are; in a chat its model reads the result itself.
    """
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise NotFound(f"没有编号为 {alert_id} 的告警。")
    dossier, now = compile_dossier(alert_id), database_now()
    values = _result(alert_id, dossier) | {
        "group_key": group_key(alert, facts_of([alert])[alert_id]), "requested_at": now, "due_at": now,
    }  # fmt: skip
    with transaction.atomic():
        row, _ = Investigation.objects.update_or_create(
            alert_id=alert_id, trigger=Investigation.ASKED, defaults=values
        )
        if second_look:
            looks.queue(row)
        else:
            looks.forget(row)  # it was of other facts
    return row, dossier
