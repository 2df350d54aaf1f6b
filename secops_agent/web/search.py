"""Search: one word in alerts, assets, blocks, vulnerabilities, findings, components, cases, runbooks, people, proposals and settings, by the rights of
who asks."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Replace
from django.urls import reverse

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.llm.offline.pinyin import spelled
from secops_agent.models import (
    Alert,
    AlertIndicator,
    Case,
    Component,
    Finding,
    NotificationRule,
    OnCallSchedule,
    Staff,
)
from secops_agent.models.choices import FindingState, IndicatorKind
from secops_agent.services import links
from secops_agent.services.alerts.queries import search as alert_search
from secops_agent.services.alerts.queries.filters import CURSOR_ORDERS
from secops_agent.services.alerts.queries.words import Keyword
from secops_agent.services.alerts.spread import hosts_with
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.cases import search as case_search
from secops_agent.services.cases.search import CaseFilter
from secops_agent.services.clock import clock
from secops_agent.services.decisions.ledger.blocks import in_force, in_force_like
from secops_agent.services.decisions.views import seen_by
from secops_agent.services.people.logins import homes_of
from secops_agent.services.privacy import login_may_read
from secops_agent.services.runbooks.search import search as search_runbooks
from secops_agent.services.runbooks.visibility import reader_at_page
from secops_agent.services.vulnerabilities import catalogue, findings
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.tools.operations.blocks import standing_words
from secops_agent.web.triage.alert_rows import plain_line

SHOWN: Final = 5
_CODE: Final = re.compile(r"(?:告警|事件|发现)?\s*(?P<letter>[AEF#]?)(?P<number>\d{1,18})", re.IGNORECASE)
_FLAW: Final = re.compile(r"(?:cve[\s_-]*(\d{4})[\s_-]*|(\d{4})-)(\d{4,7})", re.IGNORECASE)
_WITH_PORT: Final = re.compile(r"([\w.-]*[\w]):\d{1,5}")
_HASH_BEGUN: Final = re.compile(r"[0-9a-f]{7,64}")
_PEOPLE: Final = 2000  # whose names are read as pinyin
_LETTERS: Final = {"": "AEF", "#": "AEF"}


@dataclass(frozen=True, slots=True)
class FoundItem:
    """One thing; ``named``: its name begins with what is looked for."""

    title: str
    note: str
    url: str
    named: bool = False


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """Things of one kind; ``all``: the list of all of them, "" where these are all."""

    title: str
    all: str
    items: tuple[FoundItem, ...]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for, and by whom."""

    text: str
    user: Any
    private: bool

    def number(self, letter: str) -> int:
        """The number that a code of this letter names, or that may be one; 0 for none."""
        code = _CODE.fullmatch(self.text)
        if code is None or letter not in _LETTERS.get(code["letter"], code["letter"].upper()):
            return 0
        return int(code["number"])

    def begins(self, *names: str) -> bool:
        """Does one of these, or a part of its name, begin with it? gateway-3 does pay-gateway-3."""
        begun = re.compile(rf"(?<![^\W_]){re.escape(self.text)}", re.IGNORECASE)
        return any(begun.search(name) for name in names)


def look(user: Any, text: str) -> list[FoundGroup]:
    """What is found, of each kind that this user may see; where nothing is, of another way to write it."""
    private = login_may_read(user)
    found = (_found(Sought(each, user, private)) for each in _spellings(" ".join(visible(text).split())))
    return next(filter(None, found), [])


def _spellings(text: str) -> Iterator[str]:
    """CVE 2021 44228 and 10.0.0.5:22 as they are meant; then with a space, a dash or nothing where people differ: sql注入, db02."""
    if flaw := _FLAW.fullmatch(text):
        text = f"CVE-{flaw[1] or flaw[2]}-{flaw[3]}"
    elif place := _WITH_PORT.fullmatch(text):
        text = place[1]
    spaced = re.sub(r"(?<=[A-Za-z0-9])(?=[一-鿿])|(?<=[一-鿿])(?=[A-Za-z0-9])", " ", text)
    yield from dict.fromkeys(
        filter(None, (text, spaced, re.sub(r"(?<=[A-Za-z])[\s_]*(?=\d)", "-", text), text.replace(" ", "")))
    )


def _found(sought: Sought) -> list[FoundGroup]:
    seen = (each for each in KINDS if not each[1] or sought.user.has_perm(each[1]))
    found = ((title, every, tuple(find(sought))) for title, _, every, find in seen)
    return [
        FoundGroup(title, every(sought) if len(items) > SHOWN else "", items[:SHOWN])
        for title, every, items in found
        if items
    ]


def _named_first(rows: "QuerySet[Any]", number: int, found: Iterable[Any]) -> list[Any]:
    """What a code names stands before what only has the word."""
    named = rows.filter(pk=number).first() if number else None
    return [each for each in (named, *(row for row in found if row != named)) if each is not None]


def _alerts(sought: Sought) -> Iterator[FoundItem]:
    keyword, order = Keyword(sought.text, sought.private), CURSOR_ORDERS["-last_seen"]
    rows = Alert.objects.order_by(*order)
    if (seen := _hash_begun(sought)) is not None:
        hits = rows.filter(pk__in=seen.values("alert_id"))
    else:
        hits = alert_search.find(rows, order, SHOWN, "", keyword).rows.order_by(*order)
    for row in _named_first(rows, sought.number("A"), hits[: SHOWN + 1]):
        note = f"{row.get_severity_display()} · {row.get_status_display()} · {clock(row.last_seen)}"
        yield FoundItem(f"{says.code(row.pk)} {plain_line(row.title)}", note, links.alert(row.pk))


def _hash_begun(sought: Sought) -> "QuerySet[AlertIndicator] | None":
    """The hashes that begin so, as alerts have them; None if this is not the beginning of one."""
    begun = sought.text.lower()
    seen = AlertIndicator.objects.filter(kind=IndicatorKind.HASH, value__gte=begun, value__lt=f"{begun}g")
    return seen if _HASH_BEGUN.fullmatch(begun) and seen.exists() else None


def _hosts_with(sought: Sought, seen: "QuerySet[AlertIndicator]") -> Iterator[FoundItem]:
    """The machines that alerts with this hash concern; behind the first ones how many more."""
    hosts = list({each.id: each for found in hosts_with(seen).values() for each in found}.values())
    first = hosts if len(hosts) <= SHOWN else hosts[: SHOWN - 1]
    for each in first:
        codes = "、".join(map(says.code, each.alerts[:SHOWN]))
        note = f"有这个哈希的告警 {len(each.alerts)} 条：{codes}"
        yield FoundItem(plain_line(each.name), note, links.asset(each.id))
    if rest := len(hosts) - len(first):
        yield FoundItem(f"另有 {rest} 台", "见有它的告警", _list("web:alerts", tab="all")(sought))


def _assets(sought: Sought) -> Iterator[FoundItem]:
    if (seen := _hash_begun(sought)) is not None:
        yield from _hosts_with(sought, seen)
        return
    bare = inventory.matching(AssetFilter()).annotate(bare=Replace("name", Value("-"), Value("")))
    undashed = bare.filter(bare__icontains=sought.text.replace("-", "") or "-")
    ways = inventory.matching(AssetFilter(keyword=sought.text)), undashed
    found = (each.select_related("owner").order_by("name", "pk")[: SHOWN + 1] for each in ways)
    rows = list(next(filter(None, found), ()))
    cut_off = in_force(asset_ids=[row.pk for row in rows])
    for row in rows:
        standing = cut_off.get(row.pk)
        owner = row.owner.name if row.owner else row.owner_text
        about = (
            row.get_asset_type_display(),
            row.get_importance_display(),
            "、".join(map(str, row.ips[:2])),
            standing and standing_words(standing),
            owner,
        )
        yield FoundItem(
            plain_line(row.name),
            visible(" · ".join(filter(None, map(str, about)))),
            links.asset(row.pk),
            sought.begins(row.name, *map(str, row.ips)),
        )


def _blocks(sought: Sought) -> Iterator[FoundItem]:
    for each in in_force_like(sought.text, SHOWN + 1):
        where = f"{reverse('web:blocks')}?{urlencode({'q': each.target})}"
        note = " · ".join(filter(None, (standing_words(each), visible(each.device))))
        yield FoundItem(visible(each.target), note, where, sought.begins(each.target))


def _flaws(sought: Sought) -> Iterator[FoundItem]:
    rows = catalogue.matching(VulnerabilityFilter(keyword=sought.text, present_only=False)).order_by(
        "-priority", "-id"
    )
    for row in rows[: SHOWN + 1]:
        note = f"{row.get_severity_display()}{' · KEV' * row.kev} · {plain_line(row.title)}"
        yield FoundItem(visible(row.vuln_id), note, links.record("vulnerability", row.pk))


def _components(sought: Sought) -> Iterator[FoundItem]:
    rows = Component.objects.filter(active=True, name__icontains=sought.text).order_by("name", "version")
    every = reverse("admin:secops_agent_component_changelist")
    for name, version, number in rows.values_list("name", "version").annotate(Count("asset", distinct=True))[
        : SHOWN + 1
    ]:
        where = f"{every}?{urlencode({'q': name})}"
        yield FoundItem(visible(f"{name} {version}"), f"{number} 个资产", where, sought.begins(name))


def _findings(sought: Sought) -> Iterator[FoundItem]:
    wanted = FindingFilter(states=tuple(FindingState.values), keyword=sought.text)
    rows = Finding.objects.select_related("asset")
    ids = findings.matching(wanted).order_by("-active", "-priority", "-id").values("pk")[: SHOWN + 1]
    found = rows.filter(pk__in=ids).order_by("-active", "-priority", "-id")
    for row in _named_first(rows, sought.number("F"), found):
        about = (
            row.get_severity_display(),
            row.asset.name,
            row.get_decision_display() or row.get_state_display(),
        )
        yield FoundItem(
            f"F{row.pk} {plain_line(row.title)}", visible(" · ".join(about)), links.record("finding", row.pk)
        )


def _cases(sought: Sought) -> Iterator[FoundItem]:
    rows = case_search.matching(CaseFilter(keyword=sought.text, private=sought.private)).order_by("-id")
    for row in _named_first(Case.objects.all(), sought.number("E"), rows[: SHOWN + 1]):
        yield FoundItem(
            f"E{row.pk} {plain_line(row.title)}",
            str(row.get_status_display()),
            reverse("web:case", args=[row.pk]),
        )


def _runbooks(sought: Sought) -> Iterator[FoundItem]:
    try:
        hits = search_runbooks(sought.text, SHOWN + 1, reader_at_page(sought.user))
    except InvalidInput:  # no word in it
        return
    for hit in hits:
        yield FoundItem(plain_line(hit.title), plain_line(hit.when), links.record("runbook", hit.id))


def _people(sought: Sought) -> Iterator[FoundItem]:
    people = Staff.objects.filter(active=True).order_by("name", "pk")
    letters = "".join(sought.text.lower().split())
    known = people.values_list("pk", "name")[:_PEOPLE] if letters.isascii() and letters.isalpha() else ()
    spelt = [pk for pk, name in known if any(each.startswith(letters) for each in spelled(name))]
    named = Q(name__icontains=sought.text) | Q(staff_id__icontains=sought.text) | Q(pk__in=spelt)
    for row in people.filter(named)[: SHOWN + 1]:
        yield FoundItem(
            visible(row.name or row.staff_id),
            str(row.get_role_display()),
            links.record("staff", row.pk),
            row.pk in spelt or sought.begins(row.name, row.staff_id),
        )


# What people gave a name: what it is called, whose right to see it, its page, its rows.
_NAMED: Final = (
    ("系统配置", "core.view_systemconfig", "admin:core_systemconfig_change", SystemConfig.objects.current()),
    ("通知规则", "secops_agent.view_notificationrule", "admin:secops_agent_notificationrule_change", NotificationRule.objects.all()),
    ("值班表", "secops_agent.view_oncallschedule", "admin:secops_agent_oncallschedule_change", OnCallSchedule.objects.all()),
)  # fmt: skip


def _settings(sought: Sought) -> Iterator[FoundItem]:
    """One query."""
    pages = {kind: page for kind, right, page, _ in _NAMED if sought.user.has_perm(right)}
    named: list[QuerySet[Any, Any]] = [
        rows.filter(name__icontains=sought.text)
        .order_by()
        .annotate(of=Value(kind))
        .values_list("of", "pk", "name")
        for kind, _, _, rows in _NAMED
        if kind in pages
    ]
    found = named[0].union(*named[1:], all=True).order_by("name", "of")[: SHOWN + 1] if named else ()
    for kind, pk, name in found:
        yield FoundItem(visible(name), kind, reverse(pages[kind], args=[pk]), sought.begins(name))


def _proposals(sought: Sought) -> Iterator[FoundItem]:
    about = Q(code__iexact=sought.text) | Q(summary__icontains=sought.text)
    for row in seen_by(homes_of(sought.user)).filter(about).order_by("-id")[: SHOWN + 1]:
        note = f"{row.get_state_display()} · {visible(row.asker_name)} · {clock(row.created_at)}"
        yield FoundItem(f"{row.code} {plain_line(row.summary)}", note, links.record("proposal", row.pk))


def _list(name: str, **more: str) -> Callable[[Sought], str]:
    """The list of everything that has the word."""
    return lambda sought: f"{reverse(name)}?{urlencode({'q': sought.text, **more})}"


# What is searched: title, whose right to see it ("": each by its own), the list of all that is found, and how.
KINDS: Final[tuple[tuple[str, str, Callable[[Sought], str], Callable[[Sought], Iterator[FoundItem]]], ...]] = (
    ("告警", "secops_agent.view_alert", _list("web:alerts", tab="all"), _alerts),
    ("事件", "secops_agent.view_case", _list("web:cases", tab="all"), _cases),
    ("资产", "secops_agent.view_asset", _list("web:assets"), _assets),
    ("封禁台账", "secops_agent.view_blockrecord", _list("web:blocks"), _blocks),
    ("漏洞", "secops_agent.view_vulnerability", _list("web:vulnerabilities", tab="all"), _flaws),
    ("发现", "secops_agent.view_finding", _list("web:findings", tab="all", by="each"), _findings),
    ("组件", "secops_agent.view_component", _list("admin:secops_agent_component_changelist"), _components),
    ("手册", "secops_agent.view_runbook", _list("admin:secops_agent_runbook_changelist"), _runbooks),
    ("人员", "secops_agent.view_staff", _list("admin:secops_agent_staff_changelist"), _people),
    ("审批", "secops_agent.view_proposal", lambda sought: reverse("web:approvals"), _proposals),
    ("设置", "", lambda sought: reverse("settings"), _settings),
)  # fmt: skip
