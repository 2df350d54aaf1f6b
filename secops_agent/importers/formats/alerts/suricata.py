"""Suricata's EVE log (``eve.json``), events of type "alert"; other event types are passed over.

Field names: the EVE JSON format of Suricata's user guide, versions 4 to 8.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from secops_agent.importers.base import Importer, Options, Source, convert, document_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.fields import (
    Table,
    moment,
    need,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.importers.values.observables import (
    Sighting,
    address_asset,
    is_inside,
    observed,
    sighted,
    sighted_in,
    techniques_in,
)
from secops_agent.services.records import AlertRecord, AssetRecord, Item, Record, Severity, highest

# The rule's priority; the distributed classification.config uses 1 (high) to 3 (low), 4 is "very low".
_PRIORITIES: dict[str, Severity] = {"1": "high", "2": "medium", "3": "low"}
# "signature_severity" of the Emerging Threats rules' metadata; it only raises, since 1..3 know no "critical".
_RATINGS: dict[str, Severity] = {"critical": "critical", "major": "high", "minor": "low"}
# "confidence" of the same metadata, as the middles of three thirds.
_CONFIDENCES = {"high": 85, "medium": 50, "low": 15}

_JUDGEMENTS = ("signature_severity", "confidence", "mitre_technique_id")
_OCCURRENCE = ("timestamp", "flow_id", "tx_id", "pcap_cnt", "src_port", "dest_port")


class Suricata:
    """``outputs: - eve-log``: one JSON object a line; arrays and single events too."""

    name = "suricata"
    title = "Suricata EVE 日志（eve.json）"

    def sniff(self, head: bytes) -> float:
        paths = document_outline(head)
        if "event_type" not in paths or "timestamp" not in paths:
            return 0.0
        if "alert.signature_id" in paths:
            return 1.0
        return 0.9 if paths & {"flow_id", "src_ip", "stats", "engine"} else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        return convert(json_documents(source, options.limits), partial(_event, options=options))


def _event(value: Any, *, options: Options) -> Iterator[Record]:
    event = table_of(value)
    if need(event, "event_type") == "alert":
        yield _alert(event, options)


def _alert(event: Table, options: Options) -> AlertRecord:
    facts = table(event, "alert")
    rule = f"{text(facts, 'gid', '1')}:{need(facts, 'signature_id')}"
    severity, confidence, techniques = _judged(
        text(facts, "severity"), *(texts(table(facts, "metadata"), key) for key in _JUDGEMENTS)
    )
    tool = options.source or "suricata"
    when = moment(event, "timestamp", options.zone) or options.received_at
    here, there = text(event, "src_ip"), text(event, "dest_ip")
    title = shortened(text(facts, "signature"), 500) or f"规则 {rule}"
    return AlertRecord(
        source=tool,
        dedup_key=(rule, here, there),
        title=title,
        severity=severity,
        rule_id=rule,
        rule_name=title,
        description=_description(event, facts, here, there),
        confidence=confidence,
        assets=_assets(facts, here, there, tool),
        indicators=observed(_sightings(event, here, there)),
        occurred_at=when,
        first_seen=when,
        last_seen=when,
        event_id=_event_id(event),
        techniques=techniques,
        references=texts(facts, "references"),
        raw=event,
        action=text(facts, "action"),
        way=(here, there),
    )


@lru_cache(maxsize=4096)
def _judged(
    priority: str, ratings: tuple[str, ...], confidences: tuple[str, ...], techniques: tuple[str, ...]
) -> tuple[Severity, int | None, tuple[str, ...]]:
    """What the rule itself says: the same for each of its events."""
    raised = (_RATINGS.get(word.lower(), "info") for word in ratings)
    severity = highest(_PRIORITIES.get(priority, "info"), *raised)
    confidence = _CONFIDENCES.get(confidences[0].lower()) if confidences else None
    return severity, confidence, techniques_in(*techniques)


def _event_id(event: Table) -> str:
    """EVE has no id: the flow, the transaction in it and the time in microseconds name one event."""
    return "|".join([str(event.get(key, "")) for key in _OCCURRENCE])


def _description(event: Table, facts: Table, here: str, there: str) -> str:
    path = f"{text(event, 'proto')} {_endpoint(here, text(event, 'src_port'))} → {_endpoint(there, text(event, 'dest_port'))}"
    action = {"allowed": "放行", "blocked": "已阻断"}.get(text(facts, "action"), text(facts, "action"))
    parts = (text(facts, "category"), path.strip(), f"动作：{action}" if action else "")
    return shortened("；".join(part for part in parts if part), 2000)


def _endpoint(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address and port else f"{address}:{port}" if port else address


def _assets(facts: Table, here: str, there: str, tool: str) -> tuple[AssetRecord, ...]:
    """The rule's target if it has one, else the private addresses; of two public ones nobody knows which is ours."""
    target = text(table(facts, "target"), "ip") if "target" in facts else ""
    places = (target,) if target else tuple(place for place in (there, here) if is_inside(place))
    return tuple(asset for place in places if (asset := address_asset(place, tool)))


def _sightings(event: Table, here: str, there: str) -> Iterator[Sighting]:
    yield "ip", here
    yield "ip", there
    for key, read in _PROTOCOLS.items():
        if key in event:
            yield from read(event)


def _http(event: Table) -> Iterator[Sighting]:
    http = table(event, "http")
    host, path = text(http, "hostname"), text(http, "url")
    yield "domain", host
    if "://" in path:
        yield "url", path
    elif host and path.startswith("/"):
        port = text(http, "http_port")
        yield "url", f"http://{host}{f':{port}' if port not in ('', '80') else ''}{path}"


def _dns(event: Table) -> Iterator[Sighting]:
    dns = table(event, "dns")
    queries = [
        query for key in ("query", "queries") if isinstance(dns.get(key), list) for query in tables(dns, key)
    ]
    for name in (text(dns, "rrname"), *(text(query, "rrname") for query in queries)):
        yield "domain", name


def _tls(event: Table) -> Iterator[Sighting]:
    tls = table(event, "tls")
    yield "domain", text(tls, "sni")
    yield "hash", text(tls, "fingerprint").replace(":", "")


def _files(event: Table) -> Iterator[Sighting]:
    files = tables(event, "files") if "files" in event else []
    for item in (*files, table(event, "fileinfo")):
        yield "file", text(item, "filename")
        yield from sighted("hash", text(item, "sha256"), text(item, "sha1"), text(item, "md5"))


def _mail(event: Table) -> Iterator[Sighting]:
    for part in (table(event, "smtp"), table(event, "email")):
        for key in ("mail_from", "rcpt_to", "from", "to"):
            for value in texts(part, key):
                yield from (found for found in sighted_in(value) if found[0] == "email")


_PROTOCOLS = {
    "http": _http, "dns": _dns, "tls": _tls, "files": _files, "fileinfo": _files, "smtp": _mail, "email": _mail,
}  # fmt: skip
IMPORTER: Importer = Suricata()
__all__ = ["IMPORTER", "Suricata"]
