"""Inventory of assets: lists, one asset by any of its names, choices where a name does not tell, and changes."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Alert, AlertAsset, Asset, AssetKey, Component, Finding, Staff
from secops_agent.models.choices import AlertStatus, AssetType, Severity
from secops_agent.services.actors import Actor
from secops_agent.services.assets.lower import is_below
from secops_agent.services.assets.open_counts import worst_first
from secops_agent.services.assets.reach import exposed_ids
from secops_agent.services.assets.taking_back import keep_addresses, read_addresses
from secops_agent.services.assets.views import (
    AssetDetail,
    AssetRef,
    AssetSummary,
    KeyView,
    key_views,
    summaries,
)
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.networks import inside
from secops_agent.services.pages import Page, count_of, cut, order_of
from secops_agent.services.people.directory import named_by
from secops_agent.services.records import SEVERITIES, AssetRecord, Key
from secops_agent.services.records.identity import FORMER
from secops_agent.services.writing import assign


def software(word: str, prefix: str = "") -> Q:
    """Components whose name holds the word; ``prefix`` leads to them ("component__").

    Behind a blank it may end in a version or its beginning: openssl 3.0 is 3.0 and 3.0.7, not 3.01.
    """
    named = Q(**{f"{prefix}name__icontains": word})
    name, _, last = word.strip().rpartition(" ")
    version = last.lower().removeprefix("v")
    if not name.strip() or not version[:1].isdecimal():
        return named
    begins = rf"^([0-9]+:)?v?{re.escape(version)}([^0-9]|$)"
    return named | Q(**{f"{prefix}name__icontains": name.strip(), f"{prefix}version__iregex": begins})


_MOST = 5
FAMILY, _MOST_OF_FAMILY = "*", 500  # pay-gateway*: assets whose names are so


def told_apart(text: str, candidates: Sequence[AssetSummary]) -> str:
    """What to write instead of a name that several have, or that none has exactly."""
    names = "、".join(describe(candidates[:_MOST]))
    if sum(each.name.lower() == text.strip().lower() for each in candidates) > 1:
        first = candidates[0]
        handle = first.ips[0] if first.ips else str(first.id)
        return f"有 {len(candidates)} 个资产叫「{text}」：{names}。请写 IP 或编号，例如「{says.asset(handle)}」。"
    return f"没有叫「{text}」的资产。是否指：{names}？"


def describe(assets: Sequence[AssetSummary]) -> list[str]:
    """web-01（10.0.0.5，web-01.corp.example，编号 12）."""
    domains = dict(
        AssetKey.objects.filter(asset__in=[each.id for each in assets], kind="fqdn").values_list(
            "asset_id", "value"
        )
    )
    return [
        f"{each.name}（{'，'.join([*each.ips[:2], *filter(None, [domains.get(each.id)]), f'编号 {each.id}'])}）"
        for each in assets
    ]


__all__ = [
    "AssetDetail",
    "AssetFilter",
    "AssetMatches",
    "AssetRef",
    "AssetSummary",
    "ComponentView",
    "KeyView",
    "accounts_among",
    "components",
    "environment_named",
    "find",
    "get",
    "matching",
    "meant",
    "merged_into",
    "names_of",
    "require",
    "require_record",
    "search",
    "tagged",
    "update",
]  # fmt: skip
_CANDIDATES = 10
ORDERS = {"name": ("name", "id"), "-name": ("-name", "-id")}
_EDITABLE = ("name", "asset_type", "owner", "importance", "environment", "tags", "description", "ips")


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Empty values do not filter. ``keyword``: part of a name, key, address, tag or owner; ``software``: what is on it, ``below``: in a lower
    version; ``exposed``: something
    says that it can be reached from outside; ``kev``: with an open finding of an exploited vulnerability. ``order``: `ORDERS`, or
    "risk": the gravest open finding first."""

    keyword: str = ""
    software: str = ""
    below: str = ""
    unowned: bool = False
    asset_type: str = ""
    owner_id: int | None = None
    environment: str = ""
    network: str = ""
    exposed: bool = False
    kev: bool = False
    importance: tuple[str, ...] = ()
    tag: str = ""
    source: str = ""
    order: str = "name"
    limit: int = 20
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class AssetMatches:
    """One asset with its description, or those that may have been meant; both empty: nothing of that name."""

    asset: AssetSummary | None
    candidates: tuple[AssetSummary, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class ComponentView:
    """Software on an asset."""

    id: int
    asset: AssetRef
    name: str
    version: str
    purl: str
    component_type: str
    distro: str
    location: str
    licenses: tuple[str, ...]
    source: str
    last_seen: datetime


def search(wanted: AssetFilter) -> Page[AssetSummary]:
    """By name. Raises InvalidInput."""
    rows = matching(wanted)
    if wanted.order == "risk":
        total = count_of(rows)
        return Page(
            tuple(summaries(worst_first(rows.select_related("owner"))[: wanted.limit])),
            total.count,
            total.capped,
        )
    order = order_of(wanted.order, ORDERS)
    return cut(rows.select_related("owner"), order, wanted.limit, wanted.cursor, summaries, count=rows)


def matching(wanted: AssetFilter) -> QuerySet[Asset]:
    """Every one, in no order."""
    rows = Asset.objects.all()
    exact = {"asset_type": wanted.asset_type, "environment": wanted.environment, "owner_id": wanted.owner_id}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.importance:
        rows = rows.filter(importance__in=wanted.importance)
    if wanted.network.strip():
        at = AssetKey.objects.filter(inside(wanted.network), kind="ip")
        rows = rows.filter(pk__in=at.values("asset_id"))
    if wanted.tag:
        rows = rows.filter(tagged(wanted.tag))
    if wanted.source:
        rows = rows.filter(sources__icontains=f'"{wanted.source}"')
    if wanted.unowned:
        rows = rows.filter(owner=None, owner_text="")
    if wanted.exposed:
        rows = rows.filter(pk__in=exposed_ids())
    if wanted.kev:
        rows = rows.filter(
            pk__in=Finding.objects.filter(active=True, vulnerability__kev=True).values("asset_id")
        )
    if wanted.software:
        installed = Component.objects.filter(software(wanted.software), active=True)
        found: Any = _older(installed, wanted.below) if wanted.below else installed.values("asset_id")
        rows = rows.filter(pk__in=found)
    if wanted.keyword:
        rows = rows.filter(_about(wanted.keyword.strip()))
    return rows


def _older(installed: QuerySet[Component], bound: str) -> set[int]:
    """The assets on which one of these has a lower version."""
    rows = installed.values_list("asset_id", "version")
    return {asset_id for asset_id, version in rows if is_below(version, bound)}


def environment_named(text: str) -> str:
    """The environment of our assets that is meant: 测试环境 is 测试. Raises NotFound that names those there are."""
    rows = Asset.objects.exclude(environment="").order_by("environment").values_list("environment", flat=True)
    known, said = list(rows.distinct()[: _CANDIDATES * 5]), text.strip().lower()
    for fits in (str.__eq__, lambda name, said: name in said or said in name):
        if found := [name for name in known if fits(name.lower(), said)]:
            return found[0]
    raise NotFound(
        f"没有「{text[:40]}」这个环境；有：{'、'.join(known[:_CANDIDATES]) or '（资产都没有写环境）'}。"
    )


def tagged(tag: str, prefix: str = "") -> Q:
    """Assets that have this tag; ``prefix`` leads to them ("asset__"). SQLite keeps JSON in ASCII, PostgreSQL as it is."""
    spellings = {json.dumps(tag), json.dumps(tag, ensure_ascii=False)}
    return reduce(or_, (Q(**{f"{prefix}tags__icontains": each}) for each in spellings))


def _about(keyword: str) -> Q:
    if FAMILY in keyword:
        return Q(pk__in=_of_family(keyword).values("pk"))
    keys = _names().filter(asset=OuterRef("pk"), value__icontains=keyword)
    named = Q(name__icontains=keyword) | Q(owner__name__icontains=keyword) | Q(owner_text__icontains=keyword)
    return named | Q(tags__icontains=keyword) | Q(description__icontains=keyword) | Q(Exists(keys))


def find(text: str, beside: int = 0) -> AssetMatches:
    """An asset by id, name, key or address: exact, else the only one whose name begins so, else candidates; another one than ``beside``."""
    wanted = text.strip()
    if not wanted:
        return AssetMatches(None)
    others = Asset.objects.exclude(pk=beside)
    for rows in _exactly(wanted, others):
        found = list(rows.select_related("owner").order_by("name", "id")[: _CANDIDATES + 1])
        if found:
            return _settle(found)
    begun = others.filter(Q(name__istartswith=wanted) | Q(pk__in=_key_ids(value__istartswith=wanted)))
    found = list(begun.select_related("owner").order_by("name", "id")[: _CANDIDATES + 1])
    if not found:
        inside = others.filter(_about(wanted)).select_related("owner")
        return AssetMatches(None, tuple(summaries(inside.order_by("name", "id")[:_CANDIDATES])))
    return _settle(found)


def _exactly(wanted: str, others: QuerySet[Asset]) -> list[QuerySet[Asset]]:
    """Whatever its number is, what is called by it is found."""
    rows = [
        others.filter(name=wanted),
        others.filter(name__iexact=wanted),
        others.filter(pk__in=_key_ids(value__in={wanted, wanted.lower()})),
    ]
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        joined = AssetKey.objects.filter(kind=FORMER, value=str(int(wanted))).values("asset_id")
        rows.append(Asset.objects.filter(Q(pk=int(wanted)) | Q(pk__in=joined)))
    return rows


def merged_into(asset_id: int) -> int | None:
    """The asset that took in the one that had this number."""
    return (
        AssetKey.objects.filter(kind=FORMER, value=str(asset_id)).values_list("asset_id", flat=True).first()
    )


def _key_ids(**condition: Any) -> QuerySet[AssetKey, int]:
    return _names().filter(**condition).values_list("asset_id", flat=True)


def _names() -> QuerySet[AssetKey]:
    """Without the ids of what was joined to an asset."""
    return AssetKey.objects.exclude(kind=FORMER)


def _settle(rows: list[Asset]) -> AssetMatches:
    """One; or the machine among things that only share its address; or candidates."""
    if len(rows) > 1:
        hosts = [row for row in rows if row.asset_type == AssetType.HOST]
        rows = hosts if len(hosts) == 1 else rows
    views = tuple(summaries(rows[:_CANDIDATES]))
    return AssetMatches(views[0], (), rows[0].description) if len(rows) == 1 else AssetMatches(None, views)


def names_of(asset_id: int) -> tuple[KeyView, ...]:
    """Its names and addresses."""
    return key_views(list(_names().filter(asset_id=asset_id).order_by("id")[:50]))


def accounts_among(names: Sequence[str]) -> tuple[str, ...]:
    """Which of these are people's accounts."""
    rows = Asset.objects.filter(name__in=names, asset_type=AssetType.ACCOUNT)
    return tuple(rows.values_list("name", flat=True))


def require(text: str, beside: int = 0) -> AssetSummary:
    """`find`, or NotFound that names the candidates."""
    found = find(text, beside)
    if found.asset is not None:
        return found.asset
    if found.candidates:
        raise NotFound(told_apart(text, found.candidates))
    raise NotFound(f"资产里没有「{text}」：请写名称、IP 或域名，或先导入该资产。")


def meant(text: str) -> tuple[int, ...]:
    """The asset of a name; of pay-gateway* and *node* all whose names are so. Raises NotFound."""
    if FAMILY not in text:
        return (require(text).id,)
    found = tuple(_of_family(text).order_by("name").values_list("pk", flat=True)[:_MOST_OF_FAMILY])
    if not found:
        raise NotFound(f"没有名称是「{text[:60]}」这样的资产。")
    return found


def _of_family(text: str) -> QuerySet[Asset]:
    parts = text.strip().split(FAMILY)
    return Asset.objects.filter(name__iregex=f"^{'.*'.join(map(re.escape, parts))}$")


def require_record(text: str) -> AssetRecord:
    """A known asset in the form that importers take, so that findings without an asset get this one."""
    return record_of(require(text).id)


def record_of(asset_id: int) -> AssetRecord:
    """An asset in the form that importers take. Raises NotFound."""
    row = Asset.objects.filter(pk=asset_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {asset_id} 的资产。")
    names = _names().filter(asset_id=asset_id, identity__isnull=False).order_by("id")
    keys = tuple(Key(each.kind, each.value) for each in names)  # type: ignore[arg-type]
    addresses = tuple(Key("ip", ip) for ip in row.ips)
    return AssetRecord(row.asset_type, row.name, keys or addresses, ips=tuple(row.ips))  # type: ignore[arg-type]


def get(asset_id: int) -> AssetDetail:
    """Everything about one asset. Raises NotFound."""
    row = Asset.objects.select_related("owner").filter(pk=asset_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {asset_id} 的资产。")
    findings = Finding.objects.filter(asset_id=asset_id, active=True)
    linked = AlertAsset.objects.filter(asset_id=asset_id).values("alert_id")
    alerts = Alert.objects.filter(pk__in=linked).exclude(status=AlertStatus.CLOSED)
    return AssetDetail(
        summary=summaries([row])[0],
        keys=names_of(asset_id),
        description=row.description,
        sources=tuple(row.sources),
        first_seen=row.first_seen,
        open_alerts=_by_severity(alerts),
        open_findings=_by_severity(findings),
        kev_findings=findings.filter(vulnerability__kev=True).count(),
        components=Component.objects.filter(asset_id=asset_id, active=True).count(),
        history=history.entries("asset", asset_id),
    )


def _by_severity(rows: QuerySet[Any]) -> tuple[tuple[str, int], ...]:
    counts = dict(rows.order_by().values_list("severity").annotate(number=Count("pk")))
    return tuple((severity, counts[severity]) for severity in SEVERITIES if severity in counts)


def update(asset_id: int, actor: Actor, **values: Any) -> AssetSummary:
    """Set what a person knows better; imports keep it. ``owner`` is a Staff, a name, a staffId or None.

    Raises NotFound, InvalidInput, Conflict.
    """
    wanted = _checked(values, actor)
    with transaction.atomic():
        row = Asset.objects.select_for_update().filter(pk=asset_id).first()
        if row is None:
            raise NotFound(f"没有编号为 {asset_id} 的资产。")
        _refuse_twin(row, str(wanted.get("name", row.name)).strip())
        before, addresses = row.owner.name if row.owner else "", list(row.ips)
        changes = assign(row, wanted)
        locked = sorted({*row.locked, *wanted})
        if changes or locked != row.locked:
            row.locked = locked
            row.save(update_fields=[*changes, "locked"])
            keep_addresses(row, addresses)
        if changes:
            if "owner" in changes:
                changes["owner"] = (before, row.owner.name if row.owner else "")
            history.record("asset", asset_id, actor, "update", changes)
    fresh = Asset.objects.select_related("owner").filter(pk=asset_id).first()
    if fresh is None:
        raise Conflict("这个资产刚刚被删除了。")
    return summaries([fresh])[0]


def _refuse_twin(row: Asset, name: str) -> None:
    """A new name is one that no other asset has. Raises InvalidInput."""
    if name == row.name:
        return
    twins = Asset.objects.select_related("owner").filter(name__iexact=name).exclude(pk=row.pk)
    if found := summaries(list(twins[:_MOST])):
        raise InvalidInput(
            f"已经有叫这个名称的资产：{'、'.join(describe(found))}，没有改名。两个是同一台的，导入一行同时写着两边的主机名和 IP，"
            "就会合并；不是同一台的，请换一个名称。"
        )


def _checked(values: dict[str, Any], actor: Actor) -> dict[str, Any]:
    for name in values:
        if name not in _EDITABLE:
            raise InvalidInput(f"资产没有可以修改的「{name}」；可以改：{'、'.join(_EDITABLE)}。")
    if "owner" in values and isinstance(values["owner"], str):
        values["owner"] = named_by(actor, values["owner"]) if values["owner"] else None
    if not isinstance(values.get("owner"), Staff | None):
        raise InvalidInput("负责人应为人员的姓名或员工 ID。")
    if values.get("importance", "") not in ("", *Severity.values):
        raise InvalidInput(f"重要性应为 {'、'.join(Severity.values)} 之一。")
    if "asset_type" in values and values["asset_type"] not in AssetType.values:
        raise InvalidInput(f"资产类型应为 {'、'.join(AssetType.values)} 之一。")
    if "name" in values and not str(values["name"]).strip():
        raise InvalidInput("资产名称不能为空。")
    if "tags" in values:
        values["tags"] = list(dict.fromkeys(str(tag).strip() for tag in values["tags"] if str(tag).strip()))
    if "ips" in values:
        values["ips"] = read_addresses(values["ips"])
    return values


def components(asset_id: int, keyword: str = "", limit: int = 50, cursor: str = "") -> Page[ComponentView]:
    """Software that is on an asset now, by name."""
    rows = Component.objects.filter(asset_id=asset_id, active=True)
    if keyword:
        rows = rows.filter(Q(name__icontains=keyword) | Q(purl__icontains=keyword))
    return cut(rows.select_related("asset"), ("name", "id"), limit, cursor, _component_views, count=rows)


def _component_views(rows: list[Component]) -> list[ComponentView]:
    return [
        ComponentView(
            row.pk, AssetRef(row.asset_id, row.asset.name), row.name, row.version, row.purl, row.component_type,
            row.distro, row.location, tuple(row.licenses), row.source, row.last_seen,
        )
        for row in rows
    ]  # fmt: skip
