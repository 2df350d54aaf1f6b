"""How findings and vulnerabilities look on our pages: badges, the decision, how long there is left, how urgent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import NOTHING, badge
from secops_agent.admin.inventory import severity_badge
from secops_agent.models import Finding, Vulnerability
from secops_agent.models.choices import FindingDecision, FindingState
from secops_agent.services import links
from secops_agent.services.clock import exact, left_told
from secops_agent.services.vulnerabilities import ssvc
from secops_agent.services.vulnerabilities.ssvc import Advice
from secops_agent.services.vulnerabilities.views import StatementView, cvss_views
from secops_agent.web.triage.alert_rows import NamedLink, plain_line

STATE_TONES: Final = {"new": "warn", "present": "info", "gone": "idle", "back": "bad"}
DECISION_TONES: Final = {
    "in_progress": "info", "accepted": "warn", "false_positive": "idle", "under_investigation": "info", "affected": "bad",
    "not_affected": "ok", "fixed": "ok",
}  # fmt: skip
ADVICE_TONES: Final = {"track": "idle", "track*": "info", "attend": "warn", "act": "bad"}
_SAID: Final = ("author", "justification", "note", "action", "product", "document", "version")
_SOON_S: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One line of a list, ready to be shown; ``advice`` and ``exploit`` only of vulnerabilities."""

    pk: int
    url: str
    title: str
    name: str
    severity: str
    level: SafeString | str
    kind: str
    source: str
    component: str
    note: str
    asset: NamedLink
    advice: SafeString | str
    exploit: str
    kev: bool
    state: SafeString | str
    decision: SafeString | str
    fix: str
    due: SafeString | str
    assignee: str


VEX_TONES: Final = {"affected": "bad", "under_investigation": "info", "fixed": "ok", "not_affected": "ok"}


def said_lines(found: Iterable[StatementView]) -> list[dict[str, Any]]:
    """What suppliers say, ready to be shown."""
    return [
        {name: visible(getattr(each, name)) for name in _SAID}
        | {"label": each.label, "tone": VEX_TONES[each.status], "said_at": each.said_at}
        for each in found
    ]


def line(row: Finding, now: datetime) -> FindingLine:
    """Of a row that was read with asset, component and vulnerability."""
    flaw = row.vulnerability
    advice = advice_of(flaw, row.asset.importance) if flaw else None
    title, source = plain_line(row.title), visible(row.source)
    name = visible(flaw.vuln_id if flaw else row.rule_id)
    component = visible(str(row.component)) if row.component else ""
    kind = str(row.get_kind_display())
    return FindingLine(
        pk=row.pk,
        url=links.record("finding", row.pk),
        title=title,
        name=name,
        severity=row.severity,
        level=severity_badge(row.severity),
        kind=kind,
        source=source,
        component=component,
        note=" · ".join([kind, *(each for each in (name, component) if each and each not in title), source]),
        asset=NamedLink(plain_line(row.asset.name), links.asset(row.asset_id)),
        advice=advice_badge(advice) if advice else NOTHING,
        exploit=exploit_line(flaw),
        kev=bool(flaw and flaw.kev),
        state=_state(row),
        decision=decision_badge(row),
        fix=visible(row.fixed_version),
        due=due_badge(row, now),
        assignee=visible(row.assignee.name) if row.assignee else "",
    )


def _state(row: Finding) -> SafeString | str:
    """What scans say of it; new is nothing that somebody decided about."""
    is_known = row.decision and row.state == FindingState.NEW
    return "" if is_known else badge(str(FindingState(row.state).label), STATE_TONES[row.state])


def advice_of(flaw: Vulnerability, importance: str) -> Advice:
    """CISA's decision about a vulnerability on an asset of this importance."""
    return ssvc.advise(cvss_views(flaw.cvss), kev=flaw.kev, epss=flaw.epss, importance=importance)


def advice_badge(advice: Advice) -> SafeString:
    """Coloured; why, when pointed at."""
    why = "；".join(f"{each.name}：{each.label}（{each.reason}）" for each in advice.points)
    return badge(advice.label, ADVICE_TONES[advice.decision], why)


def exploit_line(flaw: Vulnerability | None) -> str:
    """EPSS as a percentage, "" without."""
    return f"EPSS {flaw.epss:.1%}" if flaw is not None and flaw.epss is not None else ""


def decision_badge(row: Finding) -> SafeString | str:
    """What a person decided, and until when."""
    if not row.decision:
        return ""
    shown = badge(
        str(FindingDecision(row.decision).label),
        DECISION_TONES[row.decision],
        str(row.get_justification_display() or ""),
    )
    if row.until is None:
        return shown
    return format_html(
        '{} <span class="bf-note">到 {}</span>', shown, f"{timezone.localtime(row.until):%Y-%m-%d}"
    )


def due_badge(row: Finding, now: datetime) -> SafeString | str:
    """How long there is left to mend it, or since when it is too late; nothing for what is settled."""
    return time_left(row.due_at if row.active else None, now)


def time_left(due_at: datetime | None, now: datetime) -> SafeString | str:
    """Until a moment, or since it; nothing without one."""
    if due_at is None:
        return NOTHING
    seconds = (due_at - now).total_seconds()
    limit = f"修复时限 {exact(due_at)}"
    tone = "bad" if seconds < 0 else "warn" if seconds < _SOON_S else "idle"
    return badge(left_told(due_at, now), tone, limit)


def web_links(values: list[str]) -> list[tuple[str, str]]:
    """(text, address) of references; "" for what is no address of the web."""
    return [(shown := visible(str(each)), shown if _is_web(shown) else "") for each in values]


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
