"""Writer of VEX statements: the newest of each author, product and vulnerability stands."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from bifang.core.database.rows import update_rows
from secops_agent.models import SupplierStatement, VulnerabilityAlias
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.vulnerabilities import write_vulnerabilities
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import Rejected, VexRecord, VulnerabilityRecord
from secops_agent.services.records.identity import digest
from secops_agent.services.vulnerabilities.openvex import vex
from secops_agent.services.vulnerabilities.openvex.vex_products import product_package
from secops_agent.services.writing import assign, by_key

_WRITTEN: Final = ("status", "justification", "note", "action", "document", "version", "said_at", "token")
_AHEAD: Final = timedelta(days=1)  # of a clock that is wrong; more would keep every later word out

_CARE: Final = ("affected", "under_investigation", "fixed", "not_affected")


def write_statements(session: Session, records: Sequence[VexRecord]) -> None:
    """Create or renew statements, and the vulnerabilities that nobody knew. One transaction's work."""
    taken = list(_others(session, _dated(session, records)))
    owners = _owners(session, taken)
    identities = {record: _identity(record) for record in taken}
    token = session.actor.name[:200] if session.actor.kind == "token" else ""
    rows = by_key(rows_by(SupplierStatement, "identity", set(identities.values())), "identity")
    new: dict[str, SupplierStatement] = {}
    changed: list[SupplierStatement] = []
    for record, identity in identities.items():
        row = rows.get(identity)
        if row is None:
            owner = owners[record.vulnerability.upper()]
            rows[identity] = new[identity] = _begin(record, identity, owner, token)
        elif assign(row, _news(record, row, token)) and row.pk:
            changed.append(row)
    SupplierStatement.objects.bulk_create(new.values())
    update_rows(SupplierStatement, _WRITTEN, changed)
    ledger = session.ledger
    ledger.create("statement", (row.pk for row in new.values()))
    ledger.see("statement", (row.pk for row in rows.values()))
    ledger.update("statement", (row.pk for row in changed))


def _dated(session: Session, records: Sequence[VexRecord]) -> Iterable[VexRecord]:
    for record in records:
        if record.said_at > timezone.now() + _AHEAD:
            reason = f"声明的时间在将来（{record.said_at:%Y-%m-%d}）：请核对文件。"
            session.ledger.rejected.append(Rejected(f"{record.vulnerability} {record.product}"[:80], reason))
        else:
            yield record


def _others(session: Session, records: Iterable[VexRecord]) -> Iterable[VexRecord]:
    """What we exported ourselves is in our findings already."""
    ours = vex.document_prefix()
    names: set[str] = set()
    for record in records:
        if record.document.startswith(ours):
            names.add(record.vulnerability.upper()[:100])
        else:
            yield record
    known = values_by(VulnerabilityAlias, ["vulnerability_id"], alias=names)
    session.ledger.see("vulnerability", (pk for (pk,) in known))


def _owners(session: Session, records: Sequence[VexRecord]) -> dict[str, int]:
    """Name → vulnerability; those that nobody knows are created with nothing but their names."""
    names = {record.vulnerability.upper()[:100] for record in records}
    found: dict[str, int] = dict(values_by(VulnerabilityAlias, ["alias", "vulnerability_id"], alias=names))
    unknown = {
        record.vulnerability.upper(): VulnerabilityRecord(
            record.vulnerability, record.aliases, source=record.source
        )
        for record in records
        if record.vulnerability.upper()[:100] not in found
    }
    if unknown:
        write_vulnerabilities(session, list(unknown.values()))
        found = dict(values_by(VulnerabilityAlias, ["alias", "vulnerability_id"], alias=names))
    return {record.vulnerability.upper(): found[record.vulnerability.upper()[:100]] for record in records}


def _identity(record: VexRecord) -> str:
    """By the name that the document gives the vulnerability: two of them may turn out to be one later."""
    return digest(record.author, record.vulnerability.upper(), record.product, record.platform, record.asset)


def _news(record: VexRecord, row: SupplierStatement, token: str) -> dict[str, Any]:
    """What changes: all of a newer word. Whoever brings the same word and is no token stands for who said it."""
    if _is_newer(record, row):
        return _values(record) | {"token": token}
    same = all(getattr(row, name) == value for name, value in _values(record).items())
    return {"token": ""} if same and not token else {}


def _begin(record: VexRecord, identity: str, vulnerability: int, token: str) -> SupplierStatement:
    return SupplierStatement(
        identity=identity,
        vulnerability_id=vulnerability,
        package=product_package(record.product),
        product=record.product[:1000],
        platform=record.platform[:200],
        asset=record.asset[:540],
        author=record.author[:200],
        token=token,
        **_values(record),
    )


def _values(record: VexRecord) -> dict[str, Any]:
    return {
        "status": record.status, "justification": record.justification, "note": record.note, "action": record.action,
        "document": record.document[:300], "version": record.version[:50], "said_at": record.said_at,
    }  # fmt: skip


def _is_newer(record: VexRecord, row: SupplierStatement) -> bool:
    """A document that is sent once more, or an older one that turns up late, changes nothing.

    Of two words of one moment the more careful one stands.
    """
    if record.document[:300] == row.document and _order(record.version) < _order(row.version):
        return False
    said, known = (record.said_at, _order(record.version)), (row.said_at, _order(row.version))
    return said > known or (said == known and _CARE.index(record.status) < _CARE.index(row.status))


def _order(version: str) -> tuple[int, ...]:
    """ "3" and "2.1.0"; what stands behind a hyphen or plus does not order."""
    return tuple(int(part[:9]) for part in re.findall(r"\d+", re.split(r"[-+]", version)[0]))
