"""Priority of vulnerabilities and findings: exploited ones, then severity, then EPSS."""

_RANKS = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}


def rank(severity: str) -> int:
    """4 for critical … 0 for info and anything unknown."""
    return _RANKS.get(severity, 0)


def graver(left: str, right: str) -> str:
    """The graver of two severities."""
    return left if rank(left) >= rank(right) else right


def priority(severity: str, *, kev: bool = False, epss: float | None = None) -> int:
    """A sort key: KEV counts 10000, severity 1000 a rank, EPSS up to 999."""
    return 10000 * kev + 1000 * rank(severity) + round(999 * (epss or 0.0))
