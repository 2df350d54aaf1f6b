"""One Wazuh alert, with what syscheck, decoders and the Windows event channel put into it."""

from collections.abc import Iterator
from datetime import datetime

from secops_agent.importers.base import Options
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.fields import (
    Table,
    canonical_ip,
    distinct,
    from_epoch,
    moment,
    need,
    number,
    shortened,
    table,
    text,
    texts,
)
from secops_agent.importers.values.observables import Sighting, observed, sighted, sighted_in, techniques_in
from secops_agent.services.records import AlertRecord, AssetRecord, Record, Severity

# Rule levels 0..16 in the bands of Wazuh's own dashboard: critical 15+, high 12-14, medium 7-11, low below.
_BANDS: tuple[tuple[int, Severity], ...] = ((15, "critical"), (12, "high"), (7, "medium"), (0, "low"))
_MANAGER = "000"  # the id of the manager's own agent: syslog of devices without an agent comes through it
# Keys of ``data`` by what they hold; decoders share these names (Wazuh's list of static fields), Suricata's beside.
_DATA_KEYS = {
    "ip": ("srcip", "dstip", "src_ip", "dest_ip", "sourceIPAddress", "client_ip", "remote_ip"),
    "account": ("srcuser", "dstuser", "user", "uid"),
    "domain": ("hostname", "domain", "query"),
}
_WINDOWS_KEYS = {
    "ip": ("ipAddress", "sourceIp", "destinationIp", "sourceAddress", "destAddress"),
    "account": ("targetUserName", "subjectUserName", "user"),
    "domain": ("queryName", "destinationHostname"),
    "process": ("image", "newProcessName", "parentImage"),
    "file": ("targetFilename",),
}


def read_alert(alert: Table, options: Options) -> Iterator[Record]:
    """The alert's record. Its identity is rule, agent and the most telling of file, source address and account."""
    rule, tool = table(alert, "rule"), options.source or "wazuh"
    number_of_rule = need(rule, "id")
    title = shortened(text(rule, "description") or f"规则 {number_of_rule}", 500)
    asset = agent_asset(alert, tool)
    when = alert_moment(alert, options)
    mitre = table(rule, "mitre")
    yield AlertRecord(
        source=tool,
        dedup_key=(number_of_rule, asset.keys[0].value if asset else "", _subject(alert)),
        title=title,
        severity=_severity(rule),
        rule_id=number_of_rule,
        rule_name=title,
        description=_description(alert, rule),
        assets=(asset,) if asset else (),
        indicators=observed(_sightings(alert)),
        occurred_at=when,
        first_seen=when,
        last_seen=when,
        event_id=_event_id(alert),
        techniques=techniques_in(*texts(mitre, "id")),
        raw=alert,
    )


def agent_asset(document: Table, tool: str) -> AssetRecord | None:
    """The host of the agent; of a syslog message without agent the sender. Agent ids are unique per manager."""
    agent = table(document, "agent") or table(table(document, "wazuh"), "agent")
    identifier, name = text(agent, "id"), text(agent, "name")
    sender = canonical_ip(text(document, "location").partition("->")[0])
    if identifier == _MANAGER and sender:
        return host_asset(text(table(document, "predecoder"), "hostname"), ips=(sender,), source=tool)
    host = table(agent, "host")
    return host_asset(
        text(host, "hostname") or name,
        ips=(*texts(agent, "ip"), *texts(host, "ip")),
        agent_id=f"{tool}:{identifier}" if identifier and identifier != _MANAGER else "",
        name=name,
        source=tool,
    )


def alert_moment(alert: Table, options: Options) -> datetime | None:
    """The alert's time; its id ("1763600000.12345") begins with it as well."""
    found = moment(alert, "timestamp", options.zone) or moment(alert, "@timestamp", options.zone)
    identifier = text(alert, "id").partition(".")[0]
    if found is None and identifier.isdecimal() and len(identifier) == 10:
        found = from_epoch(float(identifier))
    return found or options.received_at


def _severity(rule: Table) -> Severity:
    level = number(rule, "level")
    return next((severity for bound, severity in _BANDS if level is not None and level >= bound), "info")


def _event_id(alert: Table) -> str:
    """Alert ids are unique per manager, and per node of a cluster."""
    identifier = text(alert, "id")
    places = (text(table(alert, "cluster"), "node"), text(table(alert, "manager"), "name"))
    return "|".join((identifier, *places)) if identifier else ""


def _subject(alert: Table) -> str:
    data = table(alert, "data")
    windows = table(table(data, "win"), "eventdata")
    candidates = (
        text(table(alert, "syscheck"), "path"),
        text(data, "srcip") or text(data, "src_ip") or text(windows, "ipAddress"),
        text(data, "dstuser") or text(windows, "targetUserName"),
    )
    return next((found for found in candidates if found and found != "-"), "")


def _description(alert: Table, rule: Table) -> str:
    groups = "、".join(texts(rule, "groups"))
    log = text(alert, "full_log") or text(table(table(table(alert, "data"), "win"), "system"), "message")
    place = text(alert, "location")
    parts = ((log, ""), (groups, "规则组："), (place, "来源："))
    return shortened("\n".join(f"{label}{value}" for value, label in parts if value), 8000)


def _sightings(alert: Table) -> Iterator[Sighting]:
    data = table(alert, "data")
    yield from _by_key(data, _DATA_KEYS)
    windows = table(table(data, "win"), "eventdata")
    yield from _by_key(windows, _WINDOWS_KEYS)
    yield from (found for found in sighted_in(text(windows, "hashes")) if found[0] == "hash")
    if "://" in _plain(data, "url"):
        yield "url", _plain(data, "url")
    yield from _of_files(table(alert, "syscheck"))
    scanned = data.get("virustotal")
    if isinstance(scanned, dict):
        origin = table(scanned, "source")
        yield "file", text(origin, "file")
        yield from sighted("hash", text(origin, "sha1"), text(origin, "md5"))


def _of_files(change: Table) -> Iterator[Sighting]:
    yield "file", text(change, "path")
    for state in ("after", "before"):
        yield from sighted("hash", *(text(change, f"{name}_{state}") for name in ("sha256", "sha1", "md5")))
    yield from sighted("account", *distinct([text(change, "uname_after")]))


def _by_key(data: Table, names: dict[str, tuple[str, ...]]) -> Iterator[Sighting]:
    for kind, keys in names.items():
        for key in keys:
            if key in data:
                yield kind, _plain(data, key)  # type: ignore[misc]


def _plain(data: Table, key: str) -> str:
    """A text; decoders may put an object under any key of ``data``, which then shows nothing."""
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""
