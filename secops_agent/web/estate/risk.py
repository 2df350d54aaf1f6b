"""Why something is urgent, in words: the parts, and the decision that they lead to."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.safestring import SafeString

from secops_agent.models import Vulnerability
from secops_agent.models.choices import Importance
from secops_agent.services.vulnerabilities import cvss
from secops_agent.services.vulnerabilities.ssvc import Advice, DecisionPoint
from secops_agent.services.vulnerabilities.views import cvss_views
from secops_agent.web.estate.flaw_rows import advice_badge


@dataclass(frozen=True, slots=True)
class Urgency:
    """``parts``: (name, what it says); ``metrics``: (AV:N, 从哪里攻击, 网络) of the vector; ``supposed``: no asset has it."""

    badge: SafeString
    meaning: str
    points: tuple[DecisionPoint, ...]
    parts: tuple[tuple[str, str], ...]
    vector: str
    metrics: tuple[tuple[str, str, str], ...]
    supposed: bool = False


def risk_of(flaw: Vulnerability, advice: Advice, importance: str, exposure: str) -> Urgency:
    """``importance`` and ``exposure`` of the asset, or of the most important one."""
    told = cvss.telling(cvss_views(flaw.cvss))
    parts = (
        ("CVSS", _score(flaw, told.version if told else "")),
        ("EPSS", _chance(flaw)),
        ("KEV", _exploited(flaw)),
        ("资产重要性", str(Importance(importance).label) if importance else "没有登记"),
        ("对外暴露", exposure or "没有对外的迹象"),
    )
    vector = told.vector if told else ""
    return Urgency(advice_badge(advice), advice.meaning, advice.points, parts, vector, cvss.explain(vector))


def _score(flaw: Vulnerability, version: str) -> str:
    if flaw.score is None:
        return "没有分数"
    return f"{flaw.score:.1f}" + (f"（{version}）" if version else "")


def _chance(flaw: Vulnerability) -> str:
    """EPSS: how likely it is to be exploited within 30 days."""
    if flaw.epss is None:
        return "没有数据"
    place = f"，高于 {flaw.epss_percentile:.0%} 的漏洞" if flaw.epss_percentile is not None else ""
    return f"30 天内被利用的可能 {flaw.epss:.1%}{place}"


def _exploited(flaw: Vulnerability) -> str:
    if not flaw.kev:
        return "没有收录"
    due = f"，CISA 要求 {timezone.localtime(flaw.kev_due):%Y-%m-%d} 前修复" if flaw.kev_due else ""
    return "已被利用" + ("，用于勒索" if flaw.ransomware else "") + due
