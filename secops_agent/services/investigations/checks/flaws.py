"""Check of vulnerabilities: the open ones of the assets, first those that the alert is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from secops_agent.models import Alert, Finding, VulnerabilityAlias
from secops_agent.models.choices import FindingKind
from secops_agent.services.investigations.checks.base import Check, Evidence, Signal, Statement, nothing
from secops_agent.services.investigations.subject import Examined
from secops_agent.services.vulnerabilities.findings import VULNERABILITY_ID

_READ: Final = 300  # of the open findings, the most urgent
_SHOWN: Final = 5
_LIKELY: Final = 0.5  # EPSS
_WORD: Final = re.compile(r"[a-z][a-z0-9+]{3,}")
# Words of package names that name no product.
_COMMON: Final = frozenset({
    "apache", "core", "common", "commons", "server", "client", "http", "https", "java", "json", "linux", "logging", "library", "lang",
    "python", "spring", "beans", "text", "file", "files", "http2", "image", "node", "test", "tool", "tools", "util", "utils", "script",
    "shell", "user", "root", "admin", "data", "alert", "security", "system", "with", "from", "host", "kernel", "open", "project", "google",
    "golang", "github", "embed", "broker", "crypto", "golang.org", "windows", "windows-server",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenFlaw:
    """One open finding. ``named``: the alert speaks of it ("CVE" or the component's name), "" if it does not."""

    finding_id: int
    vuln_id: str
    title: str
    severity: str
    component: str
    asset_id: int
    asset: str
    kev: bool
    epss: float | None
    fixed: str
    named: str = ""

    @property
    def evidence(self) -> Evidence:
        """How it is cited."""
        return Evidence("finding", self.finding_id, f"发现 {self.finding_id}")


@dataclass(frozen=True, slots=True)
class FlawFacts:
    """``total`` and ``kev`` count among the most urgent 300; ``shown``: those named by the alert, then the urgent ones."""

    total: int
    kev: int
    shown: tuple[OpenFlaw, ...]
    assets: tuple[Evidence, ...]


def look(subject: Examined) -> FlawFacts:
    """Those that were open then."""
    rows = Finding.objects.filter(
        asset_id__in=[each.pk for each in subject.assets], kind=FindingKind.VULNERABILITY
    )
    if subject.replayed:
        gone = Q(gone_at=None) | Q(gone_at__gt=subject.at)
        rows = rows.filter(gone, first_seen__lte=subject.at)
    else:
        rows = rows.filter(active=True)
    found = list(
        rows.select_related("asset", "component", "vulnerability").order_by("-priority", "-id")[:_READ]
    )
    text, names = _said(subject.alert), _names(subject.alert)
    flaws = [_flaw(row, _named(row, names, text)) for row in found]
    first = sorted(flaws, key=lambda each: not each.named)
    cited = tuple(Evidence("asset", each.pk, each.name) for each in subject.assets)
    return FlawFacts(len(flaws), sum(each.kev for each in flaws), tuple(first[:_SHOWN]), cited)


def _said(alert: Alert) -> frozenset[str]:
    """The words of what the source wrote. They can only point at more, never away."""
    text = " ".join((alert.title, alert.rule_name, alert.rule_id, alert.description[:2000]))
    return frozenset(_WORD.findall(text.lower())) - _COMMON


def _names(alert: Alert) -> frozenset[int]:
    """The vulnerabilities that the alert names by a number."""
    text = " ".join((alert.title, alert.rule_name, alert.description[:4000], *map(str, alert.references)))
    numbers = {each.upper() for each in VULNERABILITY_ID.findall(text)}
    rows = VulnerabilityAlias.objects.filter(alias__in=list(numbers)[:50]) if numbers else ()
    return frozenset(row.vulnerability_id for row in rows)


def _named(row: Finding, names: frozenset[int], said: frozenset[str]) -> str:
    if row.vulnerability_id in names:
        return "编号"
    component = f"{row.component.name} {row.component.package}" if row.component else ""
    found = {word for word in _WORD.findall(component.lower()) if word not in _COMMON} & said
    return max(found, key=len, default="")


def _flaw(row: Finding, named: str) -> OpenFlaw:
    flaw, component = row.vulnerability, row.component
    return OpenFlaw(
        row.pk, flaw.vuln_id if flaw else "", flaw.title if flaw else row.title, row.severity,
        f"{component.name} {component.version}".strip() if component else "", row.asset_id, row.asset.name,
        bool(flaw and flaw.kev), flaw.epss if flaw else None, row.fixed_version, named,
    )  # fmt: skip


def tell(facts: FlawFacts) -> Sequence[Statement]:
    """Those that fit one by one, the rest in numbers."""
    if not facts.assets:
        return ()
    if not facts.total:
        return [nothing("这些资产没有未修复的漏洞（以扫描结果为准）", *facts.assets)]
    fitting = [each for each in facts.shown if each.named]
    told = [Statement(_line(each), (each.evidence,)) for each in fitting]
    number = f"{facts.total}+" if facts.total >= _READ else str(facts.total)
    kev = f"，其中 {facts.kev} 个已被利用（KEV）" if facts.kev else ""
    worst = () if fitting else tuple(each.evidence for each in facts.shown[:3])
    names = "" if fitting else f"，最急的：{'、'.join(_short(each) for each in facts.shown[:3])}"
    about = "" if fitting else "，没有和告警对得上的"
    return [*told, Statement(f"未修复的漏洞 {number} 个{kev}{about}{names}", worst or facts.assets[:1])]


def _short(flaw: OpenFlaw) -> str:
    return flaw.vuln_id or flaw.title[:40]


def _line(flaw: OpenFlaw) -> str:
    why = "告警写明了它的编号" if flaw.named == "编号" else f"告警提到了 {flaw.named}"
    parts = [
        f"{flaw.asset} 有未修复的 {_short(flaw)}", flaw.component, "已被利用（KEV）" if flaw.kev else "",
        f"EPSS {flaw.epss:.0%}" if flaw.epss is not None else "", f"修复版本 {flaw.fixed}" if flaw.fixed else "", why,
    ]  # fmt: skip
    return "，".join(filter(None, parts))


def weigh(facts: FlawFacts) -> Sequence[Signal]:
    """An attack on something that is really open."""
    fitting = [each for each in facts.shown if each.named]
    grave = next((each for each in fitting if each.kev or (each.epss or 0) >= _LIKELY), None)
    if grave is not None:
        return [Signal("fitting_exploited", f"{_short(grave)} @ {grave.asset}", (grave.evidence,))]
    if fitting:
        return [Signal("fitting_flaw", f"{_short(fitting[0])} @ {fitting[0].asset}", (fitting[0].evidence,))]
    return ()


CHECK: Final = Check("flaws", "资产的漏洞", FlawFacts, look, tell, weigh)
