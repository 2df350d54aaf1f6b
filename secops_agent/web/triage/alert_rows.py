"""How alerts look on our pages: a line of a list, and how long there is left."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import NOTHING, ago, badge
from secops_agent.admin.inventory import severity_badge
from secops_agent.models import Alert
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services import links
from secops_agent.services.alerts.queries.urgency import why
from secops_agent.services.alerts.views import silenced_until
from secops_agent.services.audit import history
from secops_agent.services.clock import clock, exact, left_told
from secops_agent.services.decisions.ledger import blocks
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.matching import linked_assets
from secops_agent.services.operations.queues import rule_of
from secops_agent.services.privacy import NEEDS_ROLE, mask, people_of
from secops_agent.services.sla import RiskClock
from secops_agent.web.blocks import standing_badge

STATUS_TONES: Final = {"open": "warn", "acknowledged": "info", "closed": "idle"}
VERDICT_TONES: Final = {
    "true_positive": "bad", "false_positive": "idle", "benign": "ok", "duplicate": "idle",
}  # fmt: skip
_TONES: Final = {"broken": "bad", "at_risk": "warn", "fine": "idle"}
_SHOWN: Final = 3  # assets in a line, and addresses
_NOTE: Final = 120  # characters of a reason, in a line
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class NamedLink:
    """A record and where it is; ``standing``: is it cut off, in a badge."""

    name: str
    url: str
    standing: SafeString | str = ""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One line of a list, ready to be shown; ``blocked``: the addresses that it names and that are blocked, each with its badge; ``closing``: how it ended (`closing_told`)."""

    pk: int
    url: str
    title: str
    severity: str
    level: SafeString | str
    state: SafeString
    status: str
    rule: str
    source: str
    assets: tuple[NamedLink, ...]
    more_assets: int
    blocked: tuple[tuple[str, SafeString | str], ...]
    assignee: str
    case: int | None
    closing: str
    due: SafeString | str
    why: str
    seen: SafeString | str
    count: int


def plain_line(text: str) -> str:
    """What a source wrote, in one line, without what nobody sees."""
    return _SPACES.sub(" ", visible(text)).strip() or "（没有标题）"


def state_badge(row: Alert, quiet: datetime | None = None) -> SafeString:
    """Where it stands, and what people found; silenced ones are marked."""
    shown = badge(str(AlertStatus(row.status).label), STATUS_TONES[row.status])
    if row.verdict:
        shown = format_html(
            "{} {}", shown, badge(str(Verdict(row.verdict).label), VERDICT_TONES[row.verdict])
        )
    if quiet is None:
        return shown
    told = f"到 {clock(quiet)} 不发送它的消息"
    return format_html("{} {}", shown, badge("静默", "idle", told))


def closing_notes(rows: Sequence[Alert], *, private: bool) -> dict[int, str]:
    """Why people closed them, as this reader may read it. One query, none without a closed one; four for who reads no ``private`` parts."""
    ended = [row.pk for row in rows if row.status == AlertStatus.CLOSED and row.closer]
    notes = history.closing_notes(ended)
    hidden = people_of(ended) if ended and not private else ()
    return {pk: each if private else mask(each, hidden, NEEDS_ROLE) for pk, each in notes.items()}


def closing_told(row: Alert, note: str) -> str:
    """误报：办公网扫描器（李四，12-01 10:00）: what was found, why, by whom and when; "" for what is not closed."""
    if row.status != AlertStatus.CLOSED or row.closed_at is None:
        return ""
    by_itself = "来源报告恢复" if row.closed_by_source else "抑制规则" if row.suppressed_by_id else "没有结论"
    found = str(Verdict(row.verdict).label) if row.verdict else by_itself
    why = f"：{plain_line(note)}" if note.strip() else "，没有写原因" if row.closer else ""
    return f"{found}{why}（{'，'.join(filter(None, (visible(row.closer), clock(row.closed_at))))}）"


def due_badge(row: Alert, clock: RiskClock) -> SafeString | str:
    """How long there is left, or since when it is too late."""
    stage = clock.stage(row)
    if not stage or row.due_at is None:
        return NOTHING
    return badge(left_told(row.due_at, clock.now), _TONES[stage], f"处理时限 {exact(row.due_at)}")


def lines(rows: Sequence[Alert], clock: RiskClock, query: str, *, private: bool) -> list[AlertLine]:
    """Rows that were read with their assignee and who closed them. ``query`` goes with their links. Four queries, and `closing_notes`."""
    linked = linked_assets(rows)
    quiet = silenced_until(rows, silences.active(clock.now), linked)
    named = blocks.blocked_in([row.pk for row in rows])
    cut_off = blocks.in_force(
        {address for _, address in named}, {each.pk for assets in linked.values() for each in assets}
    )
    notes = closing_notes(rows, private=private)
    return [
        _line(
            row,
            [
                NamedLink(plain_line(each.name), links.asset(each.pk), standing_badge(cut_off.get(each.pk)))
                for each in linked.get(row.pk, ())
            ],
            [(each, standing_badge(cut_off.get(each))) for pk, each in named if pk == row.pk],
            quiet.get(row.pk),
            closing_told(row, notes.get(row.pk, "")[:_NOTE]),
            clock,
            query,
        )
        for row in rows
    ]


def _line(
    row: Alert,
    assets: list[NamedLink],
    blocked: list[tuple[str, SafeString | str]],
    quiet: datetime | None,
    closing: str,
    clock: RiskClock,
    query: str,
) -> AlertLine:
    return AlertLine(
        pk=row.pk,
        url=f"{links.alert(row.pk)}?{query}" if query else links.alert(row.pk),
        title=plain_line(row.title),
        severity=row.severity,
        level=severity_badge(row.severity),
        state=state_badge(row, quiet),
        status=row.status,
        rule=plain_line(rule_of(row)),
        source=plain_line(row.source),
        assets=tuple(assets[:_SHOWN]),
        more_assets=max(0, len(assets) - _SHOWN),
        blocked=tuple(blocked[:_SHOWN]),
        assignee=row.handler.name if row.handler else "",
        case=row.case_id,
        closing=closing,
        due=due_badge(row, clock),
        why=why(row),
        seen=ago(row.last_seen),
        count=row.count,
    )
