"""What the demo's people have done with the alerts so far."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from bifang.core.database.rows import update_rows
from secops_agent.demo.incidents import HARMLESS, LASTING
from secops_agent.models import Alert, AlertIndicator, History, Staff
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.writing import Pace, import_transaction

# What people found follows from the facts, so that what an investigation suggests can be right: some rules nearly never
# err, some tell of our own work; of the others the source decides.
_SURE = frozenset(
    ["5763", "2034647", "2027865", "2019401", "webshell", "ransom", "87105", "2404300", "ak-leak"]
)  # fmt: skip
_WORK = frozenset(
    [
        "550", "5402", "abnormal-login", "shell-in-container", "write-below-etc", "HighErrorRate", "CertExpiring", "HostDown",
    ]
)  # fmt: skip
_NOTES = {
    Verdict.TRUE_POSITIVE: "确认攻击，没有成功，已加固", Verdict.BENIGN: "运维发布引起，正常行为",
    Verdict.FALSE_POSITIVE: "来源是授权的扫描器或公共 DNS，经核实为误报",
}  # fmt: skip
_WRITTEN = (
    "created_at",
    "status",
    "verdict",
    "assignee",
    "acknowledged_at",
    "closed_at",
    "closed_by",
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
    entries: list[History] = []
    harmless = _from_harmless(piece)
    for row in rows:
        row.created_at = row.first_seen + timedelta(seconds=random.randrange(5, 60))
        if people:
            verdict = _found(row, from_harmless=row.pk in harmless)
            entries += _decide(row, positions[row.pk], verdict, people, random, now)
    update_rows(Alert, _WRITTEN, rows)
    History.objects.bulk_create(entries)


def _from_harmless(ids: Sequence[int]) -> set[int]:
    """Alerts about a scanner of ours, or a public resolver."""
    rows = AlertIndicator.objects.filter(alert_id__in=ids, kind="ip", value__in=HARMLESS)
    return set(rows.values_list("alert_id", flat=True))


def _found(row: Alert, *, from_harmless: bool) -> Verdict:
    if row.rule_id in _SURE:
        return Verdict.TRUE_POSITIVE
    if row.rule_id in _WORK:
        return Verdict.BENIGN
    return Verdict.FALSE_POSITIVE if from_harmless else Verdict.TRUE_POSITIVE


def _decide(
    row: Alert, position: int, verdict: Verdict, people: Sequence[Staff], random: Random, now: datetime
) -> list[History]:
    """Lasting ones: every third in hand. Others: the older, the likelier closed."""
    days = (now - row.first_seen).total_seconds() / 86400
    person = random.choice(people)
    if position < LASTING:
        return _acknowledge(row, person, random, now) if position % 3 == 1 else []
    if random.random() > min(0.95, 0.25 + days / 6):
        return _acknowledge(row, person, random, now) if random.random() < 0.3 else []
    return [*_acknowledge(row, person, random, now), *_close(row, verdict, person, random, now)]


def _acknowledge(row: Alert, person: Staff, random: Random, now: datetime) -> list[History]:
    at = min(now, row.created_at + timedelta(minutes=random.randrange(3, 90)))
    row.status, row.acknowledged_at, row.assignee = AlertStatus.ACKNOWLEDGED, at, person
    changes = {"status": (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED), "assignee": ("", person.name)}
    return [history.entry("alert", row.pk, Actor.person(person, "dingtalk"), "acknowledge", changes, at=at)]


def _close(row: Alert, verdict: Verdict, person: Staff, random: Random, now: datetime) -> list[History]:
    assert row.acknowledged_at is not None
    at = min(now, max(row.last_seen, row.acknowledged_at) + timedelta(minutes=random.randrange(10, 600)))
    random.random()  # what followed this draw stays as it was
    row.status, row.verdict, row.closed_at, row.closed_count = AlertStatus.CLOSED, verdict, at, row.count
    row.closed_by = person
    changes = {"status": (AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED), "verdict": ("", verdict)}
    return [
        history.entry(
            "alert", row.pk, Actor.person(person, "dingtalk"), "close", changes, _NOTES[verdict], at=at
        )
    ]
