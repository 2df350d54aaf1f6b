"""Falco's JSON output (``json_output: true``; file, ``http_output``) and what falcosidekick's webhook sends.

Both have output, priority, rule, time, output_fields, source, tags, hostname; falcosidekick adds uuid.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert, document_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.values.assets import host_asset, image_asset
from secops_agent.importers.values.fields import (
    Table,
    distinct,
    from_epoch,
    moment,
    need,
    number,
    shortened,
    table,
    table_of,
    text,
    texts,
)
from secops_agent.importers.values.observables import Sighting, observed, sighted, techniques_in
from secops_agent.services.records import AlertRecord, AssetRecord, Item, Record, Severity

# Falco's eight priorities are syslog's; below "Error" a rule speaks of what is unusual rather than wrong.
_PRIORITIES: dict[str, Severity] = {
    "emergency": "critical", "alert": "critical", "critical": "critical", "error": "high", "warning": "medium",
    "notice": "low", "informational": "info", "info": "info", "debug": "info",
}  # fmt: skip
# "mitre_…" tags name tactics; older rule sets have no technique ids beside them. Ids: ATT&CK Enterprise.
_TACTICS = {
    "reconnaissance": "TA0043", "resource_development": "TA0042", "initial_access": "TA0001", "execution": "TA0002",
    "persistence": "TA0003", "privilege_escalation": "TA0004", "defense_evasion": "TA0005",
    "credential_access": "TA0006", "discovery": "TA0007", "lateral_movement": "TA0008", "collection": "TA0009",
    "command_and_control": "TA0011", "exfiltration": "TA0010", "impact": "TA0040",
}  # fmt: skip
_ADDRESSES = ("fd.rip", "fd.sip", "fd.cip", "fd.lip", "ka.sourceips", "ct.srcip")
_ACCOUNTS = ("user.name", "user.loginname", "ka.user.name", "ct.user")
_NOTHING = {"", "<NA>", "host", "null"}


class Falco:
    """One JSON object a line, a single event, or an array."""

    name = "falco"
    title = "Falco / falcosidekick 告警（JSON）"

    def sniff(self, head: bytes) -> float:
        paths = document_outline(head)
        if not {"rule", "priority"} <= paths:
            return 0.0
        return 1.0 if "output_fields" in paths else 0.7 if {"output", "time"} <= paths else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        return convert(json_documents(source, options.limits), partial(_event, options=options))


def _event(value: Any, *, options: Options) -> Iterator[Record]:
    event = table_of(value)
    facts, rule = table(event, "output_fields"), need(event, "rule")
    word = need(event, "priority").lower()
    if word not in _PRIORITIES:
        raise BrokenRecord(f"「priority」不是 Falco 的级别：{word[:40]}")
    tool = options.source or "falco"
    when = _moment(event, facts, options)
    host = text(event, "hostname")
    yield AlertRecord(
        source=tool,
        dedup_key=(rule, host, _image(facts) or _filled(facts, "k8s.ns.name"), _filled(facts, "proc.name")),
        title=shortened(rule, 500),
        severity=_PRIORITIES[word],
        rule_id=rule,
        rule_name=rule,
        description=shortened(text(event, "output"), 4000),
        assets=_assets(event, facts, host, tool),
        indicators=observed(_sightings(facts)),
        occurred_at=when,
        first_seen=when,
        last_seen=when,
        event_id=text(event, "uuid") or text(event, "time"),  # nanoseconds, finer than occurred_at
        techniques=_techniques(texts(event, "tags")),
        raw=event,
    )


def _moment(event: Table, facts: Table, options: Options) -> Any:
    """The event's time; ``evt.time`` is in nanoseconds where it is a number."""
    nanoseconds = facts.get("evt.time")
    stated = moment(event, "time", options.zone)
    if stated is None and isinstance(nanoseconds, (int, float)):
        stated = from_epoch((number(facts, "evt.time") or 0) / 1e9)
    return stated or options.received_at


def _filled(facts: Table, key: str) -> str:
    value = text(facts, key)
    return "" if value in _NOTHING else value


def _image(facts: Table) -> str:
    """The image's name without its tag: the alert's identity survives a new version."""
    name = _filled(facts, "container.image.repository") or _filled(facts, "container.image")
    head, separator, last = name.rpartition("/")
    return head + separator + last.partition(":")[0].partition("@")[0]


def _assets(event: Table, facts: Table, host: str, tool: str) -> tuple[AssetRecord, ...]:
    """The machine and the container's image. Events of plugins (cloud trails, audit logs) only name Falco's host."""
    found: list[AssetRecord | None] = []
    if text(event, "source", "syscall") == "syscall":
        found.append(host_asset(host, source=tool))
    name, tag = (
        _filled(facts, "container.image.repository") or _filled(facts, "container.image"),
        _filled(facts, "container.image.tag"),
    )
    if name:
        tagged = f"{name}:{tag}" if tag and ":" not in name.rpartition("/")[2] else name
        found.append(image_asset((tagged,), (_filled(facts, "container.image.digest"),), tool))
    return tuple(asset for asset in found if asset)


def _sightings(facts: Table) -> Iterator[Sighting]:
    for key in _ADDRESSES:
        if key in facts:
            yield from sighted("ip", *(part.strip() for part in text(facts, key).split(",")))
    for key in ("fd.rip.name", "fd.sip.name"):
        yield "domain", text(facts, key)
    for key in _ACCOUNTS:
        yield "account", text(facts, key)
    yield "process", text(facts, "proc.exepath") or text(facts, "proc.name")
    if text(facts, "fd.name").startswith("/"):
        yield "file", text(facts, "fd.name")


def _techniques(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Techniques where the rule names them, else its tactics."""
    names = (tag.lower().removeprefix("mitre_") for tag in tags if tag.lower().startswith("mitre_"))
    return techniques_in(*(tag.replace("mitre_", " ") for tag in tags)) or distinct(
        _TACTICS.get(name, "") for name in names
    )


IMPORTER: Importer = Falco()
__all__ = ["IMPORTER", "Falco"]
