"""Severities: levels as tools write them, in one scale. No Django."""

from typing import Literal

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
GRAVE: frozenset[str] = frozenset({"critical", "high"})  # what no program alone may hide

WORDS: dict[str, Severity] = {
    "critical": "critical", "crit": "critical", "emergency": "critical", "emerg": "critical",
    "alert": "critical", "fatal": "critical", "severe": "critical", "urgent": "critical", "page": "critical",
    "serious": "critical", "严重": "critical", "超危": "critical", "紧急": "critical", "危急": "critical",
    "high": "high", "important": "high", "major": "high", "error": "high", "高": "high", "高危": "high",
    "medium": "medium", "moderate": "medium", "warning": "medium", "warn": "medium", "suspicious": "medium",
    "中": "medium", "中危": "medium", "可疑": "medium",
    "low": "low", "minor": "low", "notice": "low", "remind": "low", "低": "low", "低危": "low", "提醒": "low",
    "info": "info", "informational": "info", "information": "info", "informative": "info",
    "negligible": "info", "none": "info", "note": "low", "unknown": "info", "debug": "info",
    "undefined": "info", "unassigned": "info", "信息": "info", "提示": "info", "未知": "info",
}  # fmt: skip


def severity_of(word: str, score: float | None = None) -> Severity:
    """A tool's word (any case, English or Chinese), else the CVSS score's band, else "info".

    Words such as "unknown" and "none" carry no judgement: with a score, the score decides.
    """
    known = WORDS.get(word.strip().lower())
    if known and known != "info":
        return known
    return severity_of_score(score) if score is not None else known or "info"


def severity_of_score(score: float) -> Severity:
    """CVSS 3/4 qualitative bands: 9.0 critical, 7.0 high, 4.0 medium, 0.1 low, 0 info."""
    for bound, severity in ((9.0, "critical"), (7.0, "high"), (4.0, "medium")):
        if score >= bound:
            return severity  # type: ignore[return-value]
    return "low" if score > 0 else "info"


def highest(*severities: Severity) -> Severity:
    """The gravest of some; "info" for none."""
    return min(severities, key=SEVERITIES.index, default="info")
