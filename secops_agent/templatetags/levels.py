"""Severity and importance as badges. As in `bifang.core.templatetags.house`, imported when asked."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def severity(value: str) -> Any:
    """A severity, coloured."""
    from secops_agent.admin import inventory

    return inventory.severity_badge(value)


@register.filter
def importance(value: str) -> Any:
    """An importance, coloured."""
    from secops_agent.admin import inventory

    return inventory.importance_badge(value)
