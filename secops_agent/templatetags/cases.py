"""States and verdicts of cases and their alerts as badges. As in `bifang.core.templatetags.house`, imported when asked."""

from django import template
from django.utils.safestring import SafeString

from secops_agent.models import CaseStatus
from secops_agent.models.choices import AlertStatus, IndicatorKind, Verdict

register = template.Library()
_TONES = {"new": "warn", "working": "info", "contained": "ok", "closed": "idle"}


@register.filter
def case_status(value: str) -> SafeString:
    """Where a case stands, coloured."""
    from bifang.core.admin.base import badge

    return badge(str(CaseStatus(value).label), _TONES[value])


@register.filter
def alert_status(value: str) -> SafeString:
    """Where an alert stands, coloured."""
    from bifang.core.admin.base import badge
    from secops_agent.web.triage.alert_rows import STATUS_TONES

    return badge(str(AlertStatus(value).label), STATUS_TONES[value])


@register.filter
def verdict(value: str) -> SafeString | str:
    """What people found, coloured."""
    from bifang.core.admin.base import NOTHING, badge
    from secops_agent.web.triage.alert_rows import VERDICT_TONES

    return badge(str(Verdict(value).label), VERDICT_TONES[value]) if value else NOTHING


@register.filter
def indicator_kind(value: str) -> str:
    """What an observable is."""
    return str(IndicatorKind(value).label)
