"""Writer of alerts: repeats become occurrences, a graver severity reopens, what a person decided stays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bifang.core.database.rows import create_rows, insert_many, update_rows
from secops_agent.models import (
    Alert,
    AlertAsset,
    AlertEvent,
    AlertIndicator,
    AlertMention,
    AlertPayload,
    History,
)
from secops_agent.models.choices import AlertStatus, IndicatorKind, Verdict
from secops_agent.services.alerts.queries.mentioned import mention_rows
from secops_agent.services.audit import history
from secops_agent.services.containment import has_passed, standing
from secops_agent.services.intake.hits import HitSearch, note_hits
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.assets import write_assets
from secops_agent.services.investigations.arrivals import note_arrivals
from secops_agent.services.notifications.matching import Changed, note_changes
from secops_agent.services.outcomes import outcome_told, worst
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import AlertRecord, StatusHint
from secops_agent.services.records.identity import alert_identity, event_mark
from secops_agent.services.suppressions.applying import Candidate, suppress
from secops_agent.services.vulnerabilities.priority import graver, rank
from secops_agent.services.writing import by_key, state_of, update_changed

_WRITTEN = ("severity", "reported_severity", "confidence", "techniques", "references", "first_seen", "last_seen", "count", "due_at",
            "status", "outcome", "way", "closed_at", "closed_by", "closed_by_source", "closed_via", "closed_count")  # fmt: skip
_SKEW = timedelta(minutes=10)  # ahead of now: a clock that is a little fast
_AHEAD = timedelta(days=1)  # more than time zones explain
_MOST_LINKS = 200  # assets, and indicators, of one alert
_HARMLESS = (Verdict.FALSE_POSITIVE, Verdict.BENIGN, Verdict.DUPLICATE)
_LONGEST_WAY = 100  # characters, the width of the column


@dataclass(slots=True)
class _SameAlert:
    """The new occurrences of one alert in one transaction."""

    identity: str
    records: list[tuple[AlertRecord, str]] = field(default_factory=list)

    def unseen(self, marks: set[str]) -> list[AlertRecord]:
        """Those not counted yet; a mark that comes twice counts once."""
        fresh = {mark: record for record, mark in self.records if mark not in marks}
        return list(fresh.values())


def write_alerts(session: Session, records: Sequence[AlertRecord]) -> None:
    """Create or extend alerts, with their assets. One transaction's work."""
    heaps: dict[str, _SameAlert] = {}
    for record in records:
        identity = alert_identity(record)
        heap = heaps.setdefault(identity, _SameAlert(identity))
        heap.records.append((record, event_mark(identity, record)))
    rows = by_key(rows_by(Alert, "identity", heaps, lock=True), "identity")
    session.ledger.see("alert", (row.pk for row in rows.values()))
    marks = [mark for identity in rows for _, mark in heaps[identity].records]
    ids = [row.pk for row in rows.values()]
    counted = {mark for (mark,) in values_by(AlertEvent, ["mark"], alert_id=ids, mark=marks)}
    fresh = {identity: heap.unseen(counted) for identity, heap in heaps.items()}
    fresh = {identity: found for identity, found in fresh.items() if found}
    named = (asset for found in heaps.values() for record, _ in found.records for asset in record.assets)
    write_assets(session, named, stated=False)
    book = _UnitOfWork(session, {identity: rows[identity] for identity in fresh if identity in rows})
    for identity, found in fresh.items():
        book.take(identity, found)
    book.save()


class _UnitOfWork:
    """The alerts of one transaction that have new occurrences."""

    def __init__(self, session: Session, rows: dict[str, Alert]) -> None:
        self._session = session
        self._rows = rows
        ids = [row.pk for row in rows.values()]
        self._assets: dict[int, set[int]] = {pk: set() for pk in ids}
        for alert_id, asset_id in values_by(AlertAsset, ["alert_id", "asset_id"], alert_id=ids):
            self._assets[alert_id].add(asset_id)
        self._indicators: dict[int, set[tuple[str, str]]] = {pk: set() for pk in ids}
        known = values_by(AlertIndicator, ["alert_id", "kind", "value"], alert_id=ids)
        for alert_id, kind, value in known:
            self._indicators[alert_id].add((kind, value))
        self._stored = {row.pk: state_of(row, _WRITTEN) for row in rows.values()}
        self._fresh: list[tuple[Alert, list[AlertRecord]]] = []
        self._came_back: set[int] = set()
        self._uncontained: dict[str, int] = {}
        self._hit: set[int] = set()

    def take(self, identity: str, records: list[AlertRecord]) -> None:
        """Count new occurrences, oldest first."""
        records.sort(key=self._moment)
        row = self._rows.get(identity)
        if row is None:
            row = self._begin(identity, records[0])
        for record in records:
            self._extend(row, record)
        self._fresh.append((row, records))

    def _moment(self, record: AlertRecord) -> datetime:
        return self._believed(record.last_seen or record.occurred_at or self._session.received_at)

    def _believed(self, at: datetime) -> datetime:
        """A clock far ahead would keep its alert on top, its deadline away, and its end from being the latest word; what one
        that is a little fast says happened just now, not soon."""
        now = max(self._session.now, self._session.received_at)
        return at if at <= now or _SKEW < at - now <= _AHEAD else now

    def _begin(self, identity: str, record: AlertRecord) -> Alert:
        moment = self._moment(record)
        row = Alert(
            identity=identity,
            source=record.source[:60],
            dedup_key=" | ".join(record.dedup_key)[:500],
            rule_id=record.rule_id[:200],
            rule_name=record.rule_name[:300],
            title=record.title[:500],
            description=record.description,
            severity=record.severity,
            first_seen=moment,
            last_seen=moment,
            count=0,
            created_at=self._session.now,
        )
        row.due_at = self._session.limits.alert_due(row.severity, self._believed(record.first_seen or moment))
        if row.due_at and row.due_at <= self._session.now:
            row.sla_told = "broken"  # it comes late; that is part of the news
        return row

    def _extend(self, row: Alert, record: AlertRecord) -> None:
        moment = self._moment(record)
        outcome = outcome_told(record.rule_name, record.title, record.action)
        row.outcome = worst(row.outcome, outcome) if row.count else outcome
        if record.status_hint != "closed" or row.count == 0:  # the end of something is no occurrence
            row.count += max(record.count, 1)
        first = self._believed(record.first_seen or record.occurred_at or moment)
        row.first_seen = min(row.first_seen, first)
        latest = moment >= row.last_seen
        row.way = " → ".join(record.way)[:_LONGEST_WAY] if latest and all(record.way) else row.way
        row.last_seen = max(row.last_seen, moment)
        row.confidence = record.confidence if record.confidence is not None and latest else row.confidence
        row.techniques = list(dict.fromkeys([*row.techniques, *record.techniques]))[:50]
        row.references = list(dict.fromkeys([*row.references, *record.references]))[:50]
        if rank(record.severity) > max(rank(row.severity), rank(row.reported_severity)):
            self._escalate(row, record.severity, moment)
        if row.reported_severity:  # what a person set stays, whatever is said again
            row.reported_severity = graver(row.reported_severity, record.severity)
        _follow(row, record.status_hint, moment, latest)

    def _escalate(self, row: Alert, severity: str, moment: datetime) -> None:
        """Graver than anyone knew: it needs attention again. Verdict and assignee stay."""
        row.severity = severity
        due = self._session.limits.alert_due(severity, moment)
        row.due_at = min(filter(None, (row.due_at, due)), default=None)
        _open(row)

    def save(self) -> None:
        """Write everything, and tell of it."""
        self._note_uncontained()
        new = [row for row, _ in self._fresh if row.pk is None]
        old = [row for row, _ in self._fresh if row.pk is not None]
        create_rows(new)
        update_changed(Alert, ((row, self._stored[row.pk]) for row in old))
        self._session.ledger.create("alert", (row.pk for row in new))
        self._session.ledger.update("alert", (row.pk for row in old))
        risen = {row.pk: (self._stored[row.pk]["severity"], row.severity) for row in old}
        observed = self._save_links()
        self._save_events({row.pk for row in new})
        self._judge(observed)
        self._tell_changes(risen)
        if self._session.announce:
            changed = [
                Changed(row, self._happened(row), anew=self._uncontained.get(row.identity, 0))
                for row, _ in self._fresh
            ]
            note_changes(changed, self._session.now)
            note_arrivals(changed, self._session.now)

    def _note_uncontained(self) -> None:
        """What occurs for the first time after its host was isolated or its address blocked is a new matter, and open again
        unless it was judged harmless."""
        aims = {row.identity: self._aims(row, records) for row, records in self._fresh}
        blocks = standing(set[int | str]().union(*aims.values()))
        for row, records in self._fresh if blocks else ():
            known = self._stored[row.pk]["last_seen"] if row.pk else None
            latest = max(
                (self._moment(each) for each in records if each.status_hint != "closed"), default=None
            )
            for one in (blocks[each] for each in aims[row.identity] if each in blocks):
                if latest and has_passed(one, latest, row.outcome) and not (known and known > one.since):
                    self._uncontained[row.identity] = one.pk
                    if (
                        row.status != AlertStatus.OPEN
                        and not row.suppressed_by_id
                        and row.verdict not in _HARMLESS
                    ):
                        _open(row)

    def _aims(self, row: Alert, records: Sequence[AlertRecord]) -> set[int | str]:
        """The numbers of its assets and its addresses."""
        assets = self._assets.get(row.pk, set()) | {
            self._session.assets[each] for record in records for each in record.assets
        }
        named = self._indicators.get(row.pk, set()) | {
            (each.kind, each.value) for record in records for each in record.indicators
        }
        return assets | {value for kind, value in named if kind == IndicatorKind.IP}

    def _judge(self, observed: dict[int, list[tuple[str, str]]]) -> None:
        """What lists of indicators say of what is new, and whether a rule says that nobody need look."""
        session, rows = self._session, {row.pk: row for row, _ in self._fresh}
        self._hit = note_hits(rows, observed, HitSearch(session.now, session.actor, session.limits))
        self._came_back = suppress(list(self._candidates()), session.actor, session.now)

    def _candidates(self) -> Iterator[Candidate]:
        """Alerts that nobody has looked at: new, suppressed before, or opened by their source again."""
        for row, records in self._fresh:
            before = self._stored.get(row.pk)
            untouched = before is None or (
                before["status"] == AlertStatus.CLOSED
                and (row.suppressed_by_id or before["closed_by_source"])
            )
            if untouched and not row.verdict and (row.status == AlertStatus.OPEN or row.suppressed_by_id):
                yield Candidate(
                    row, sum(max(each.count, 1) for each in records if each.status_hint != "closed")
                )

    def _tell_changes(self, risen: dict[int, tuple[str, str]]) -> None:
        """What the source changed; what rules and lists did is told by them."""
        told = []
        for row, _ in self._fresh:
            if row.pk not in risen:
                continue
            old, new = risen[row.pk]
            changes: dict[str, tuple[Any, Any]] = {"severity": (old, new)} if old != new else {}
            before = self._stored[row.pk]["status"]
            if before != row.status and row.pk not in self._came_back and not row.suppressed_by_id:
                changes["status"] = (before, row.status)
            if changes:
                why = "处置以后又发生" if row.identity in self._uncontained else ""
                told.append(history.entry("alert", row.pk, self._session.actor, "import", changes, why))
        History.objects.bulk_create(told)

    def _happened(self, row: Alert) -> frozenset[str]:
        """What a rule may be about; a repeat is nothing of the kind."""
        hit = {"hit"} if row.pk in self._hit and row.status != AlertStatus.CLOSED else set()
        return frozenset(self._news(row) | hit)

    def _news(self, row: Alert) -> set[str]:
        if row.pk in self._came_back:
            return {"new"}  # nobody was told of it before
        if row.pk not in self._stored:
            if row.status == AlertStatus.CLOSED:
                return set()
            return {"new", "sla_broken"} if row.sla_told else {"new"}
        before = self._stored[row.pk]
        if row.status == AlertStatus.CLOSED and row.suppressed_by_id:
            return set()
        risen = rank(row.severity) > rank(before["severity"])
        closed = before["status"] == AlertStatus.CLOSED
        reopened = row.status == AlertStatus.OPEN and (closed or row.identity in self._uncontained)
        return {name for name, is_so in (("risen", risen), ("reopened", reopened)) if is_so}

    def _save_links(self) -> dict[int, list[tuple[str, str]]]:
        """Returns the observables that are new, by alert."""
        assets, indicators = [], []
        fresh: dict[int, list[tuple[str, str]]] = {}
        for row, records in self._fresh:
            mine = self._assets.setdefault(row.pk, set())
            known = self._indicators.setdefault(row.pk, set())
            wanted = {self._session.assets[asset]: None for record in records for asset in record.assets}
            for asset_id in list(wanted)[: _MOST_LINKS - len(mine)]:
                if asset_id not in mine:
                    mine.add(asset_id)
                    assets.append({"alert_id": row.pk, "asset_id": asset_id})
            named = {(each.kind, each.value[:500]): None for record in records for each in record.indicators}
            for pair in list(named)[: _MOST_LINKS - len(known)]:
                if pair not in known:
                    known.add(pair)
                    indicators.append({"alert_id": row.pk, "kind": pair[0], "value": pair[1]})
                    fresh.setdefault(row.pk, []).append(pair)
        insert_many(AlertAsset, assets)
        insert_many(AlertIndicator, indicators)
        insert_many(AlertMention, list(self._mentions()))
        return fresh

    def _mentions(self) -> Iterator[dict[str, Any]]:
        """Of new alerts: the text of an alert never changes."""
        for row, _ in self._fresh:
            if row.pk not in self._stored:
                yield from mention_rows(row.pk, (row.title, row.description), self._indicators[row.pk])

    def _save_events(self, new: set[int]) -> None:
        events, fresh, latest = [], [], []
        for row, records in self._fresh:
            events += [
                {"mark": event_mark(row.identity, each), "alert_id": row.pk, "at": self._moment(each)}
                for each in records
            ]
            if row.pk in new:
                fresh.append({"alert_id": row.pk, "raw": dict(records[-1].raw)})
            else:
                latest.append(AlertPayload(alert_id=row.pk, raw=dict(records[-1].raw)))
        insert_many(AlertEvent, events)
        insert_many(AlertPayload, fresh, keyed=True)
        update_rows(AlertPayload, ["raw"], latest)


def _open(row: Alert) -> None:
    """It needs attention again."""
    row.status, row.closed_at, row.closed_by_id = AlertStatus.OPEN, None, None
    row.closed_by_source, row.closed_via = False, ""


def _follow(row: Alert, hint: StatusHint, moment: datetime, latest: bool) -> None:
    """What the source says about the end, as long as no person has taken the alert in hand."""
    if hint == "closed" and latest and row.status == AlertStatus.OPEN and row.assignee_id is None:
        row.status, row.closed_at, row.closed_by_source = AlertStatus.CLOSED, moment, True
        row.closed_count = row.count
    elif hint != "closed" and latest and row.closed_by_source and row.closed_at and moment > row.closed_at:
        row.status, row.closed_at, row.closed_by_source = AlertStatus.OPEN, None, False
