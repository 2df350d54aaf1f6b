"""Work on investigations: waiting ones one after the other by whichever worker claims them, and those somebody asks for."""

import logging
import time
from datetime import timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import transaction

from bifang.channels.queues import claims
from bifang.core.database.db import database_now
from bifang.core.processes import process_name
from secops_agent import says
from secops_agent.models import Alert, Investigation, InvestigationState
from secops_agent.services.faults import NotFound
from secops_agent.services.investigations import looks
from secops_agent.services.investigations.dossiers import Dossier, compile_dossier
from secops_agent.services.investigations.replays import latest, rule_of
from secops_agent.services.investigations.wording import headline
from secops_agent.services.notifications.matching import facts_of, follow_up, group_key

# For which rules the suggested verdict may stand in messages: those that have shown it in the newest comparison.


def is_earned(alert: Alert) -> bool:
    """Has the rule of this alert earned it?"""
    found, rule = latest(), (alert.source, rule_of(alert))
    return found is not None and any(
        each.has_earned for each in found.rules if (each.source, each.rule) == rule
    )


log = logging.getLogger(__name__)
LEASE: Final = timedelta(
    seconds=60
)  # renewed before each check; of a worker that died its investigation is anybody's after this
ATTEMPTS: Final = 3
FAILED: Final = f"调查 {ATTEMPTS} 次都没有完成，请看日志；发送「{says.investigate(says.NUMBER)}」可以再查。"


def step(seconds: float = 1.0) -> int:
    """Do what waits until the time is up; returns how many were done. Raises DatabaseError."""
    end, count = time.monotonic() + seconds, 0
    claims.release_expired(Investigation)
    while time.monotonic() < end and (row := _claim()) is not None:
        _conduct(row)
        count += 1
    return count


def _claim() -> Investigation | None:
    """The oldest that waits. Asked every second: it writes only where something does."""
    if not Investigation.objects.filter(state=InvestigationState.WAITING).exists():
        return None
    for row in claims.claim(Investigation, process_name(), 1, hold=LEASE, count_try=True):
        if row.attempts <= ATTEMPTS:
            return row
        failed = {"state": InvestigationState.FAILED, "finished_at": database_now(), "last_error": FAILED}
        claims.of(row).update(**claims.NOBODY, **failed)
    return None


def _conduct(row: Investigation) -> None:
    """An error that nobody foresaw leaves the row claimed: it is tried again when its lease is over."""
    mine = claims.of(row)
    try:
        result = _result(row.alert, compile_dossier(row.alert_id, beat=lambda: claims.hold(mine, LEASE)))
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


def _result(alert: Alert, dossier: Dossier) -> dict[str, object]:
    found = dossier.assessment
    return {
        "state": InvestigationState.DONE,
        "facts": dossier.dump(),
        "verdict": found.verdict,
        "confidence": found.confidence,
        "conclusion": headline(dossier, suggests=is_earned(alert))[:300],
        "finished_at": database_now(),
        "last_error": "",
        **claims.NOBODY,
    }


def investigate(alert_id: int, *, second_look: bool = False) -> tuple[Investigation, Dossier]:
    """Look into an alert now, because somebody asks; the one made on arrival stays as it was. Raises NotFound.

    ``second_look``: have it looked at again as those made on arrival are; in a chat its model reads the result itself.
    """
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise NotFound(f"没有编号为 {alert_id} 的告警。")
    dossier, now = compile_dossier(alert_id), database_now()
    values = _result(alert, dossier) | {
        "group_key": group_key(alert, facts_of([alert])[alert_id]), "requested_at": now,
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
