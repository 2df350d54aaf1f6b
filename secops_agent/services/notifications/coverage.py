"""Coverage of a silence: whether what it names exists, what is like it, which open alerts it covers now."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from secops_agent.models import Alert, AlertAsset, Asset, AssetKey
from secops_agent.models.choices import AlertStatus, AssetType, Severity
from secops_agent.services.assets import inventory
from secops_agent.services.faults import NotFound
from secops_agent.services.source_names import names, spelled

_ASSETS_TOLD: Final = 5
_LOOKED_AT: Final = 5000  # rows that near names are looked for in
_MOST_NEAR: Final = 3
_LATELY: Final = timedelta(days=7)
ON: Final = " @ "  # between a rule and the asset that it is silenced on
WORDS: Final = {
    "alert": "告警",
    "asset": "资产",
    "tag": "资产标签",
    "source": "来源",
    "rule": "规则",
    "rule_on": "资产上的规则",
    "address": "地址",
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Alerts that are not closed, by severity, and the assets among them (``assets`` names the first)."""

    alerts: int
    severities: tuple[tuple[str, int], ...]
    assets: tuple[str, ...]
    asset_count: int

    def __str__(self) -> str:
        if not self.alerts:
            return "现在没有未关闭的告警在它的范围内"
        levels = "、".join(f"{Severity(name).label} {count}" for name, count in self.severities)
        more = f" 等 {self.asset_count} 台" if self.asset_count > len(self.assets) else ""
        where = f"，资产 {'、'.join(self.assets)}{more}" if self.assets else ""
        return f"现在覆盖 {self.alerts} 条未关闭的告警（{levels}）{where}"


def coverage(scope: str, value: str) -> Coverage:
    """Of a silence, made or not; ``value`` as `known_value` gives it."""
    rows = open_alerts(scope, value)
    counted = Counter(rows.values_list("severity", flat=True))
    names = Asset.objects.filter(
        pk__in=AlertAsset.objects.filter(alert__in=rows.values("pk")).values("asset_id")
    )
    named = names.exclude(asset_type=AssetType.ACCOUNT).order_by("name")  # accounts of people go to no group
    return Coverage(
        counted.total(),
        tuple((name, counted[name]) for name in Severity.values if counted[name]),
        tuple(named.values_list("name", flat=True)[:_ASSETS_TOLD]),
        names.count(),
    )


def open_alerts(scope: str, value: str) -> QuerySet[Alert]:
    """What is in the scope and not closed."""
    return _in_scope(Alert.objects.exclude(status=AlertStatus.CLOSED).order_by(), scope, value)


def worst_known(scope: str, value: str) -> str:
    """The gravest level of what is not closed in the scope, else of what occurred in a week; of one alert, that of all its
    messages tell of. "" where nothing is known, and for everything."""
    if scope == "all":
        return ""
    rows, told = open_alerts(scope, value), Alert.objects.none()
    if scope == "alert":
        told = Alert.objects.exclude(status=AlertStatus.CLOSED).filter(messages__alerts__in=rows)
    lately = _in_scope(Alert.objects.filter(last_seen__gte=timezone.now() - _LATELY), scope, value)
    found = {*_levels(rows), *_levels(told)} or _levels(lately)
    return next((level for level in Severity.values if level in found), "")


def _levels(rows: QuerySet[Alert]) -> set[str]:
    return set(rows.order_by().values_list("severity", flat=True).distinct())


def told_anyway(worst: str) -> str:
    """What a silence with this `Silence.worst` does not hold back: ；比「低危」更严重的照常通知; "" if it holds back everything."""
    return f"；比「{Severity(worst).label}」更严重的照常通知" if worst not in ("", Severity.CRITICAL) else ""


def lately(scope: str, value: str, length: timedelta) -> int:
    """How many alerts in the scope a silence of this length would have covered if it ended now: those that occurred in that time."""
    rows = Alert.objects.filter(last_seen__gte=timezone.now() - length).order_by()
    return _in_scope(rows, scope, value).count()


def _in_scope(rows: QuerySet[Alert], scope: str, value: str) -> QuerySet[Alert]:
    match scope:
        case "alert":
            return rows.filter(pk=int(value)) if value.isascii() and value.isdigit() else rows.none()
        case "asset":
            return rows.filter(pk__in=AlertAsset.objects.filter(asset__name=value).values("alert_id"))
        case "tag":
            tagged = AlertAsset.objects.filter(inventory.tagged(value, "asset__"))
            return rows.filter(pk__in=tagged.values("alert_id"))
        case "source":
            return rows.filter(source=value)
        case "rule":
            return rows.filter(Q(rule_id=value) | Q(rule_name=value))
        case "rule_on":
            rule, asset = parts_of(value)
            return _in_scope(_in_scope(rows, "rule", rule), "asset", asset)
    return rows


def about(scope: str, value: str) -> Q:
    """Silences of exactly this; of an asset also of single rules on it."""
    on = Q(scope="rule_on", value__endswith=f"{ON}{value}") if scope == "asset" else Q()
    return Q(scope=scope, value=value) | on


def parts_of(value: str) -> tuple[str, str]:
    """The rule and the asset of 规则 @ 资产."""
    rule, _, asset = value.rpartition(ON)
    return rule, asset


def known_value(scope: str, value: str) -> str:
    """What is named, as we call it. Raises NotFound that names what is like it."""
    text = value.strip()
    if scope == "all":
        return ""
    if scope == "rule_on":
        rule, asset = parts_of(text)
        return f"{known_value('rule', rule)}{ON}{known_value('asset', asset)}"
    found = _find(scope, text) if text else ""
    if found:
        return found
    near = _near(text, _names(scope, text)) if text else []
    hint = f"。是否指：{'、'.join(near)}？" if near else "：请核对名称。"
    raise NotFound(f"没有{WORDS[scope]}「{text[:60]}」{hint}" if text else f"请写明是哪个{WORDS[scope]}。")


def _find(scope: str, text: str) -> str:
    match scope:
        case "alert":
            digits = text.removeprefix("#").upper().removeprefix("A")
            known = digits.isascii() and digits.isdigit() and len(digits) < 19
            return str(int(digits)) if known and Alert.objects.filter(pk=int(digits)).exists() else ""
        case "asset":
            return _asset(text)
        case "tag":
            return text if Asset.objects.filter(inventory.tagged(text)).exists() else ""
        case "source":
            if Alert.objects.filter(source=text).exists():
                return text
            return next((name for name in spelled([text]) if name != text), "")
    return text if Alert.objects.filter(Q(rule_id=text) | Q(rule_name=text)).exists() else ""


def _asset(text: str) -> str:
    """By its whole name or one of its addresses: the beginning of a name is a guess."""
    asset = inventory.find(text).asset
    if asset is None:
        return ""
    keys = AssetKey.objects.filter(asset_id=asset.id, value__in={text, text.lower()})
    return asset.name if asset.name.casefold() == text.casefold() or keys.exists() else ""


def _names(scope: str, text: str) -> Iterable[str]:
    match scope:
        case "asset":
            found = inventory.find(text)
            listed = [each.name for each in (found.asset, *found.candidates) if each]
            return listed or Asset.objects.order_by("-pk").values_list("name", flat=True)[:_LOOKED_AT]
        case "tag":
            rows = Asset.objects.exclude(tags=[]).order_by("-pk").values_list("tags", flat=True)[:_LOOKED_AT]
            return {tag for tags in rows for tag in tags}
        case "source":
            return names()
        case "rule":
            pairs = Alert.objects.order_by("-last_seen").values_list("rule_id", "rule_name")[:_LOOKED_AT]
            return {name for pair in pairs for name in pair if name}
    return ()


def _near(text: str, names: Iterable[str]) -> list[str]:
    known = list(dict.fromkeys(names))
    begun = [name for name in known if text.casefold() in name.casefold()]
    return list(dict.fromkeys([*begun, *get_close_matches(text, known, _MOST_NEAR, 0.5)]))[:_MOST_NEAR]
