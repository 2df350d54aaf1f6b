"""Private parts: who may read them at all, and what of them is for a private chat only.

Private are people's accounts and e-mail addresses among an alert's observables, the source's own event, and what sources
have written of people anywhere. Two questions decide, here and nowhere else: may this role read them (`may_read`, of a
login `login_may_read`), and is it a group that reads (nobody's role counts there).
"""

import re
from collections.abc import Iterable
from dataclasses import field, fields, is_dataclass, replace
from typing import Any, Final, TypeVar

from bifang.channels.rights import READ_TEXT
from secops_agent.models import AlertAsset, AlertIndicator, Asset
from secops_agent.models.choices import AssetType
from secops_agent.models.people.staff import Role, allows

T = TypeVar("T")
_MARK = "private"
PRIVATE_INDICATORS = frozenset({"account", "email"})
# Accounts that every machine has: nobody's.
SYSTEM_ACCOUNTS: Final = frozenset({
    "root", "administrator", "admin", "system", "local system", "local service", "network service", "guest", "krbtgt",
    "nt authority\\system", "sa", "daemon", "nobody", "www-data", "nginx", "apache", "mysql", "postgres", "oracle", "redis",
})  # fmt: skip
HIDDEN: Final = "〔群里不显示〕"
NEEDS_ROLE: Final = f"〔需要「{Role.ANALYST.label}」角色〕"
PERSONAL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,200}+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,20}"
    r"|(?<!\d)1[3-9]\d{9}(?!\d)"
    r"|(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?!\d)"
)


def may_read(role: str) -> bool:
    """May this role read private parts? Those may who work on alerts."""
    return allows(role, Role.ANALYST)


def login_may_read(user: Any) -> bool:
    """May this Django user? Whose rights are to work on alerts, or to read what people write, as auditors."""
    return bool(user.has_perm("secops_agent.change_alert") or user.has_perm(READ_TEXT))


def mask_personal(text: str, shown: str = HIDDEN) -> str:
    """E-mail addresses, mobile and identity numbers replaced."""
    return PERSONAL.sub(shown, text)


def is_personal(kind: str, value: str) -> bool:
    """Is this observable somebody's account or address?"""
    return kind in PRIVATE_INDICATORS and value.strip().lower() not in SYSTEM_ACCOUNTS


def private(empty: Any) -> Any:
    """A dataclass field that is a private part; `empty` is shown instead (and must be immutable)."""
    return field(default=empty, metadata={_MARK: True})


def is_private(view: type, name: str) -> bool:
    """Is this field of this view type private?"""
    return any(each.name == name and _MARK in each.metadata for each in fields(view))


def public(view: T) -> T:
    """The view without its private parts, nested views included. Has the same type."""
    return _public(view)  # type: ignore[no-any-return]


def _public(value: Any) -> Any:
    if isinstance(value, tuple) and type(value) is tuple:
        kept = (each for each in value if not getattr(each, "is_private", False))
        return tuple(_public(each) for each in kept)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {each.name: _cleared(value, each) for each in fields(value) if each.init}
    return replace(value, **changes)


def _cleared(view: Any, each: Any) -> Any:
    return each.default if _MARK in each.metadata else _public(getattr(view, each.name))


def mask(text: str, values: Iterable[str] = (), shown: str = HIDDEN) -> str:
    """E-mail addresses, mobile and identity numbers, and these values, replaced."""
    hidden = {each for each in values if len(each) > 1 and each.strip().lower() not in SYSTEM_ACCOUNTS}
    for value in sorted(hidden, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", shown, text, flags=re.IGNORECASE)
    return mask_personal(text, shown)


def account_names(asset_ids: Iterable[int]) -> tuple[str, ...]:
    """Which of these assets are people's accounts, by name."""
    rows = Asset.objects.filter(pk__in=set(asset_ids), asset_type=AssetType.ACCOUNT)
    return tuple(rows.values_list("name", flat=True))


def mask_alerts(text: str, alert_ids: Iterable[int]) -> str:
    """A text about these alerts as a group may read it: no accounts, no addresses and numbers of people."""
    return mask(text, people_of(alert_ids))


def people_of(alert_ids: Iterable[int]) -> tuple[str, ...]:
    """The accounts and addresses that these alerts tell of."""
    ids = set(alert_ids)
    told = AlertIndicator.objects.filter(alert_id__in=ids, kind__in=PRIVATE_INDICATORS).values_list(
        "value", flat=True
    )
    linked = AlertAsset.objects.filter(alert_id__in=ids, asset__asset_type=AssetType.ACCOUNT)
    return (*told, *linked.order_by("asset__name").values_list("asset__name", flat=True).distinct())
