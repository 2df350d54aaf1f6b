"""How grave a vulnerability is, in words: its scores, whether it is exploited, how probable that is."""

from secops_agent.services.vulnerabilities.views import VulnerabilityDetail
from secops_agent.tools.markdown import joined


def scores_told(detail: VulnerabilityDetail) -> list[str]:
    return [f"CVSS {score.version} {score.score:g}".replace("  ", " ") for score in detail.cvss[:3]]


def kev_told(detail: VulnerabilityDetail) -> str:
    if detail.kev is None:
        return ""
    kev = detail.kev
    return joined(
        [
            "是（CISA KEV）",
            f"收录于 {kev.added:%Y-%m-%d}" if kev.added else "",
            f"要求 {kev.due:%Y-%m-%d} 前修复" if kev.due else "",
            "已用于勒索攻击" if kev.ransomware else "",
        ]
    )


def epss_told(detail: VulnerabilityDetail) -> str:
    if detail.epss is None:
        return ""
    share = f"，高于 {detail.epss_percentile:.1%} 的漏洞" if detail.epss_percentile is not None else ""
    date = f"（{detail.epss_date:%Y-%m-%d}）" if detail.epss_date else ""
    return f"{detail.epss:.2%}{share}{date}"
