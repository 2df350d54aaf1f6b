"""Where the numbers of a page lead: the list that shows exactly what was counted."""

from datetime import date
from urllib.parse import urlencode

from django.urls import reverse

from secops_agent.models.choices import AlertStatus


def alerts(tab: str = "all", **query: str) -> str:
    """告警处置: the alerts of a tab that are not closed, narrowed by `query` (severity, asset, …)."""
    return _alerts([("tab", tab), *query.items()])


def alerts_of_day(day: date, severity: str) -> str:
    """The alerts of one severity whose last occurrence was on a day, closed ones too."""
    states = [("status", value) for value in AlertStatus.values]
    query = [
        ("tab", "all"),
        ("severity", severity),
        *states,
        ("from", day.isoformat()),
        ("to", day.isoformat()),
    ]
    return _alerts(query)


def approvals() -> str:
    """操作审批: all that waits for a decision."""
    return f"{reverse('web:approvals')}?tab=waiting"


def findings(**query: str) -> str:
    """发现: those that are still to be mended, narrowed by `query`."""
    return f"{reverse('web:findings')}?{urlencode({'tab': 'open'} | query)}"


def _alerts(query: list[tuple[str, str]]) -> str:
    return f"{reverse('web:alerts')}?{urlencode(query)}"
