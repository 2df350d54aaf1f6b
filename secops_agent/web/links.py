"""Where the numbers of a page lead: the list that shows exactly what was counted."""

from datetime import date
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from secops_agent.models.choices import AlertStatus


def alerts(tab: str = "all", **query: str) -> str:
    """告警处置: the alerts of a tab that are not closed, narrowed by `query` (severity, asset, …)."""
    return _page("web:alerts", "secops_agent_alert", [("tab", tab), *query.items()])


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
    return _page("web:alerts", "secops_agent_alert", query)


def approvals() -> str:
    """操作审批: all that waits for a decision."""
    return f"{reverse('web:approvals')}?tab=waiting"


def asset(pk: int) -> str:
    """The page of an asset."""
    return _row("web:asset", "secops_agent_asset", pk)


def findings(**query: str) -> str:
    """发现: those that are still to be mended, narrowed by `query`."""
    query = {"active__exact": "1"} | query
    return f"{reverse('admin:secops_agent_finding_changelist')}?{urlencode(query)}"


def _page(name: str, screen: str, query: list[tuple[str, str]]) -> str:
    try:
        return f"{reverse(name)}?{urlencode(query)}" if query else reverse(name)
    except NoReverseMatch:
        return reverse(f"admin:{screen}_changelist")


def _row(name: str, screen: str, pk: int) -> str:
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return reverse(f"admin:{screen}_change", args=[pk])
