"""Reader of alerts: one JSON object to an alert, by its table of fields."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.services.records import AlertRecord, AssetRecord, Severity, StatusHint

from .alert_fields import HOST_NAME, AlertTable, ObjectReader, Paths
from .assets import host_asset, image_asset, website_asset
from .cells import SEPARATORS
from .fields import canonical_ip, distinct, from_epoch, moment_written, number, parse_moment, shortened
from .observables import Sighting, address_asset, is_inside, observed, sighted_in, techniques_in

# "2026-11-20T23:00:00Z+0800", as Huawei writes it: the offset is what counts.
_DOUBLE_ZONE = re.compile(r"Z(?=[+-]\d)")
_CONFIDENCES = {"高": 85, "high": 85, "中": 50, "medium": 50, "低": 15, "low": 15}


def read_alert(reader: ObjectReader, table: AlertTable, tool: str, options: Options) -> AlertRecord:
    """The alert of the reader's object. Raises BrokenRecord that names the field."""
    _refuse(reader, table)
    ends = (table.way[0] or table.host.attacker, table.way[1] or table.host.victim)
    here, there = (_end(reader, paths) for paths in ends)
    record = _record(reader, table, tool, options)
    return replace(record, action=reader.first("动作", table.action), way=(here, there))


def _record(reader: ObjectReader, table: AlertTable, tool: str, options: Options) -> AlertRecord:
    title = table.prefix + _needed(reader, "标题", table.title)
    head, *rest = table.key
    key = (_needed(reader, "去重键", head), *(reader.first("去重键", paths) for paths in rest))
    first, last = (
        _moment(reader, "开始时间", table.first, table, options),
        _moment(reader, "时间", table.last, table, options),
    )
    hint = _hint(reader, table)
    named = [reader.first("事件标识", (path,)) for path in table.event]
    return AlertRecord(
        source=tool,
        dedup_key=(table.kind, *key) if table.kind else key,
        title=shortened(title, 500),
        severity=_severity(reader, table),
        rule_id=reader.first("规则", table.rule),
        rule_name=shortened(title, 500),
        description=_description(reader, table),
        confidence=_confidence(reader, table.confidence),
        assets=_assets(reader, table, tool),
        indicators=observed(_sightings(reader, table)),
        occurred_at=last or first or options.received_at,
        first_seen=first or last,
        last_seen=last or first,
        count=_count(reader, table.count),
        event_id="|".join([*named, hint]) if any(named) else "",
        status_hint=hint,
        techniques=techniques_in(*reader.all("ATT&CK", table.techniques)),
        references=reader.all("参考", table.references),
        raw=reader.data,
    )


def _end(reader: ObjectReader, paths: Paths) -> str:
    """The first address there, or ""."""
    return next(filter(None, map(canonical_ip, reader.all("方向", paths))), "")


def _refuse(reader: ObjectReader, table: AlertTable) -> None:
    for path, reasons in table.refused.items():
        word = reader.first("筛选", (path,))
        if word in reasons:
            raise BrokenRecord(f"{reasons[word]}（「{path}」为 {word}）")


def _needed(reader: ObjectReader, name: str, paths: Paths) -> str:
    value = reader.first(name, paths)
    if not value:
        raise BrokenRecord(f"缺少必填字段「{'」或「'.join(paths)}」")
    return value


def _severity(reader: ObjectReader, table: AlertTable) -> Severity:
    """The source's word by the table; BrokenRecord for one that the table does not have."""
    word = reader.first("级别", table.level)
    if not word:
        return table.unrated
    path = reader.taken[-1].path
    if table.bands and word.lower() not in table.levels:
        value = number({path: word}, path) or 0
        return next((severity for least, severity in table.bands if value >= least), "info")
    if table.other:
        return table.levels.get(word.lower(), table.other)
    if word.lower() not in table.levels:
        known = "、".join(table.levels)
        raise BrokenRecord(f"级别「{path}」的值 {word[:40]} 不认识，应当是 {known} 之一")
    return table.levels[word.lower()]


def _moment(
    reader: ObjectReader, name: str, paths: Paths, table: AlertTable, options: Options
) -> datetime | None:
    """Epoch seconds or milliseconds, or a written time, which without a zone is of the table's, else the import's (China)."""
    written = reader.first(name, paths)
    if not written:
        return None
    path, zone = reader.taken[-1].path, table.zone or options.zone
    if table.formats:
        return moment_written(written, table.formats, zone, what=f"「{path}」")
    if written.replace(".", "", 1).isdecimal():
        return from_epoch(number({path: written}, path), what=f"「{path}」")
    return parse_moment(_DOUBLE_ZONE.sub("", written), zone, what=f"「{path}」")


def _hint(reader: ObjectReader, table: AlertTable) -> StatusHint:
    return table.states.get(reader.first("状态", table.state).lower(), "")


def _confidence(reader: ObjectReader, paths: Paths) -> int | None:
    word = reader.first("可信度", paths)
    if not word or word.lower() in _CONFIDENCES:
        return _CONFIDENCES.get(word.lower())
    value = number({"confidence": word}, "confidence")
    return int(value) if value is not None and 0 <= value <= 100 else None


def _count(reader: ObjectReader, paths: Paths) -> int:
    """At least one; what is no whole number of a reasonable size is one."""
    word = reader.first("次数", paths)
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 9 and int(word) else 1


def _description(reader: ObjectReader, table: AlertTable) -> str:
    lines = list(reader.all("说明", table.text))
    for label, paths in table.details.items():
        words = table.words.get(label, {})
        if found := [words.get(each, each) for each in reader.all("说明", paths)]:
            lines.append(f"{label}：{shortened('、'.join(found), 500)}")
    return shortened("\n".join(lines), 8000)


def _assets(reader: ObjectReader, table: AlertTable, tool: str) -> tuple[AssetRecord, ...]:
    places = table.host
    name, agent = reader.first("主机名", places.name), reader.first("Agent", places.agent_id)
    found: list[AssetRecord | None] = [
        host_asset(
            name if HOST_NAME.fullmatch(name) else "",
            ips=reader.all("主机 IP", places.ips),
            cloud_id=reader.first("云实例", places.cloud_id),
            agent_id=f"{tool}:{agent}" if agent else "",
            name=name,
            source=tool,
        )
    ]
    found += [address_asset(ip, tool) for ip in reader.all("内网 IP", places.inside) if is_inside(ip)]
    known = found[0].ips if found[0] else ()
    ours, others = _ends(reader, table)
    names = _end_names(reader, table)
    found += [
        host_asset(names[ip], ips=[ip], name=names[ip], source=tool)
        if ip in names
        else address_asset(ip, tool)
        for ip in ours
        if ip not in known
    ]
    if not found[0] and not ours:
        found += [host_asset(name, name=name, source=tool) for name in _victim_names(reader, table)]
    found += [website_asset(url, tool) for url in reader.all("网站", table.site)[:1]]
    found.append(image_asset(reader.all("镜像", table.images), (), tool))
    seen = {value for kind, value in _sightings(reader, table) if kind == "ip"}
    found = [asset and _without(asset, seen if asset.asset_type == "website" else others) for asset in found]
    return tuple(dict.fromkeys(asset for asset in found if asset))


def _without(asset: AssetRecord, others: Collection[str]) -> AssetRecord | None:
    """The asset without the addresses of the other end, which may name itself as ours (Host); None where no other key is left."""
    if not {key.value for key in asset.keys}.intersection(others):
        return asset
    keys = tuple(key for key in asset.keys if key.value not in others)
    if not keys or asset.asset_type == "website":
        return None
    return replace(asset, keys=keys, ips=tuple(ip for ip in asset.ips if ip not in others))


def _ends(reader: ObjectReader, table: AlertTable) -> tuple[list[str], list[str]]:
    """The addresses of the two ends: those that are ours, and the others. What is no address (XXX.XXX.7.82) is neither."""
    attackers = _addresses(reader.all("攻击者", table.host.attacker))
    victims = _addresses(reader.all("受害者", table.host.victim))
    attacked = not any(map(is_inside, attackers))
    ours = [ip for ip in victims if is_inside(ip) or (attacked and ip not in attackers)]
    ours += filter(is_inside, attackers)
    return ours, [ip for ip in (*attackers, *victims) if ip not in ours]


def _end_names(reader: ObjectReader, table: AlertTable) -> dict[str, str]:
    """Address → name, of an end with one address."""
    host, found = table.host, dict[str, str]()
    for label, places, named in (
        ("攻击者", host.attacker, host.attacker_name),
        ("受害者", host.victim, host.victim_name),
    ):
        name, addresses = reader.first(f"{label}主机名", named), _addresses(reader.all(label, places))
        if len(addresses) == 1 and HOST_NAME.fullmatch(name):
            found[addresses[0]] = name
    return found


def _victim_names(reader: ObjectReader, table: AlertTable) -> list[str]:
    """Victims that are named in place of an address: web-01, but not an address that is blotted out (XXX.XXX.7.82)."""
    names = (name for name in reader.all("受害者", table.host.victim) if HOST_NAME.fullmatch(name))
    return [name for name in names if not name.rpartition(".")[2].isdigit() and name.strip("Xx.")]


def _addresses(values: Iterable[str]) -> list[str]:
    return [ip for value in values for part in SEPARATORS.split(value) if (ip := canonical_ip(part))]


def _sightings(reader: ObjectReader, table: AlertTable) -> list[Sighting]:
    found: list[Sighting] = [("ip", ip) for ip in _ends(reader, table)[1]]
    for kind, paths in table.sightings.items():
        for value in distinct(reader.all("指标", paths)):
            if kind == "text":
                found += sighted_in(value)
            elif kind == "ip":
                found += [("ip", part.strip()) for part in value.split(",")]
            else:
                found.append((kind, value))
    return found
