"""What the demo's people have done with the alerts so far."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from secops_agent.demo.incidents import LASTING
from secops_agent.models import Alert, AlertAsset, History, Staff
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import tallies
from secops_agent.services.alerts.tallies import Counted
from secops_agent.services.audit import history
from secops_agent.services.writing import Pace, import_transaction, update_rows

_VERDICTS = (
    (Verdict.FALSE_POSITIVE, 45, "经核实为误报"),
    (Verdict.BENIGN, 20, "运维发布引起，正常行为"),
    (Verdict.TRUE_POSITIVE, 25, "确认攻击，已封禁来源并加固"),
    (Verdict.DUPLICATE, 10, "与同一来源的告警重复"),
)
# What people found depends on the rule: some are noise, some are nearly always real. In the order of `_VERDICTS`.
_OF_NOISE, _OF_ATTACKS = (70, 25, 0, 5), (10, 5, 80, 5)
_WEIGHTS = dict.fromkeys(
    ("5402", "2024897", "912171", "abnormal-login", "HighErrorRate", "CertExpiring", "HostDown"), _OF_NOISE
) | dict.fromkeys(("5763", "2034647", "webshell", "ransom", "2404300", "2027865"), _OF_ATTACKS)
_WRITTEN = (
    "created_at",
    "status",
    "verdict",
    "assignee",
    "acknowledged_at",
    "closed_at",
    "closed_count",
    "due_at",
)


def work(ids: Sequence[int], people: Sequence[Staff], random: Random, now: datetime) -> None:
    """Acknowledge and close older ones; the lasting ones stay open, a few of them in hand."""
    positions = {pk: position for position, pk in enumerate(ids)}
    for piece in Pace().chunks(ids):
        with import_transaction():
            _work(piece, positions, people, random, now)


def _work(
    piece: Sequence[int], positions: dict[int, int], people: Sequence[Staff], random: Random, now: datetime
) -> None:
    rows = list(Alert.objects.select_for_update().filter(pk__in=piece).order_by("id"))
    linked: dict[int, list[int]] = {row.pk: [] for row in rows}
    for alert_id, asset_id in AlertAsset.objects.filter(alert_id__in=piece).values_list(
        "alert_id", "asset_id"
    ):
        linked[alert_id].append(asset_id)
    before = [Counted.of(row, linked[row.pk]) for row in rows]
    entries: list[History] = []
    for row in rows:
        row.created_at = row.first_seen + timedelta(seconds=random.randrange(5, 60))
        if people:
            entries += _decide(row, positions[row.pk], people, random, now)
    update_rows(Alert, _WRITTEN, rows)
    History.objects.bulk_create(entries)
    after = [Counted.of(row, linked[row.pk]) for row in rows]
    tallies.change(zip(before, after, strict=True))


def _decide(
    row: Alert, position: int, people: Sequence[Staff], random: Random, now: datetime
) -> list[History]:
    """Lasting ones: every third in hand. Others: the older, the likelier closed."""
    days = (now - row.first_seen).total_seconds() / 86400
    person = random.choice(people)
    if position < LASTING:
        return _acknowledge(row, person, random, now) if position % 3 == 1 else []
    if random.random() > min(0.95, 0.25 + days / 6):
        return _acknowledge(row, person, random, now) if random.random() < 0.3 else []
    return [*_acknowledge(row, person, random, now), *_close(row, person, random, now)]


def _acknowledge(row: Alert, person: Staff, random: Random, now: datetime) -> list[History]:
    at = min(now, row.created_at + timedelta(minutes=random.randrange(3, 90)))
    row.status, row.acknowledged_at, row.assignee = AlertStatus.ACKNOWLEDGED, at, person
    changes = {"status": (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED), "assignee": ("", person.name)}
    return [history.entry("alert", row.pk, Actor.person(person), "acknowledge", changes, at=at)]


def _close(row: Alert, person: Staff, random: Random, now: datetime) -> list[History]:
    assert row.acknowledged_at is not None
    at = min(now, max(row.last_seen, row.acknowledged_at) + timedelta(minutes=random.randrange(10, 600)))
    weights = _WEIGHTS.get(row.rule_id) or [weight for _, weight, _ in _VERDICTS]
    [(verdict, _, note)] = random.choices(_VERDICTS, weights=weights)
    row.status, row.verdict, row.closed_at, row.closed_count = AlertStatus.CLOSED, verdict, at, row.count
    changes = {"status": (AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED), "verdict": ("", verdict)}
    return [history.entry("alert", row.pk, Actor.person(person), "close", changes, note, at=at)]
