"""Texts of investigations: one line for messages, a few for answers, the verdict for lists."""

from collections.abc import Iterable, Sequence
from typing import Final

from secops_agent.models import Investigation, InvestigationState
from secops_agent.models.choices import Importance, Verdict
from secops_agent.services.investigations.checks.base import Evidence, Signal, Statement, verdict_words
from secops_agent.services.investigations.checks.estate import EstateFacts
from secops_agent.services.investigations.checks.flaws import FlawFacts
from secops_agent.services.investigations.checks.related import RelatedFacts
from secops_agent.services.investigations.dossiers import Dossier
from secops_agent.services.investigations.weighing import REASONS, Assessment
from secops_agent.services.severities import GRAVE

UNSURE: Final = "证据不足"
CONFIDENCE: Final = {"high": "高", "medium": "中"}
BY_CODE: Final = "由固定的检查得出，未经模型"


def verdict_line(found: Assessment) -> str:
    """误报（把握中）, or 证据不足."""
    if not found.verdict:
        return UNSURE
    return f"{Verdict(found.verdict).label}（把握{CONFIDENCE[found.confidence]}）"


def reason_line(signal: Signal) -> str:
    """Why, in figures."""
    return REASONS[signal.reason].label + (f"（{signal.detail}）" if signal.detail else "")


def cited(statement: Statement) -> str:
    """The statement with the records it rests on."""
    return statement.text + _citation(statement.evidence)


def _citation(evidence: Sequence[Evidence]) -> str:
    """What the sentence itself does not name already; alerts by their codes."""
    names = [each.name for each in evidence if each.kind in ("alert", "finding", "silence")]
    return f" 〔{'、'.join(names)}〕" if names else ""


def headline(dossier: Dossier, *, suggests: bool) -> str:
    """One line for a message, in figures only: nothing of it is private. ``suggests``: with the suggested verdict."""
    found = dossier.assessment
    parts = [f"建议结论：{verdict_line(found)}"] if suggests and found.verdict else []
    return "；".join([*parts, *_facts(dossier)][:4]) or Investigation.NOTHING_FOUND


def _facts(dossier: Dossier) -> Iterable[str]:
    estate: EstateFacts | None = dossier.facts.get("estate")
    flaws: FlawFacts | None = dossier.facts.get("flaws")
    related: RelatedFacts | None = dossier.facts.get("related")
    grades = [
        each.importance
        for each in (estate.assets if estate else ())
        if each.importance in ("critical", "high")
    ]
    if grades:
        outside = "、可能对外" if estate and any(each.exposure for each in estate.assets) else ""
        yield f"资产重要性{Importance(min(grades)).label}{outside}"
    if flaws and (fit := next((each for each in flaws.shown if each.named), None)):
        yield f"涉及的 {fit.vuln_id} 没有修复" + ("，已被利用" if fit.kev else "")
    elif flaws and flaws.kev:
        yield f"资产上有 {flaws.kev} 个已被利用的漏洞"
    if related and related.before + related.after:
        yield f"同一资产前后 24 小时另有 {related.before + related.after} 条告警"
    if related and related.rule_alerts:
        judged = verdict_words(related.judged)
        yield f"同一规则 90 天另有 {related.rule_alerts} 条" + (f"（{judged}）" if judged else "")


def is_grave_attack(alert_id: int, severity: str) -> bool:
    """Does the newest investigation of a grave alert suggest 真实攻击? Nobody is then offered 误报 as a tap."""
    if severity not in GRAVE:
        return False
    done = Investigation.objects.filter(alert_id=alert_id, state=InvestigationState.DONE).order_by("-pk")
    return done.values_list("verdict", flat=True).first() == Verdict.TRUE_POSITIVE
