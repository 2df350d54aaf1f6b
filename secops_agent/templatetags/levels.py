"""Severity and importance as badges. What stands on the admin is asked when used: see `bifang.core.templatetags.house`."""

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def severity(value: str) -> SafeString | str:
    """Coloured."""
    from secops_agent.admin import inventory

    return inventory.severity_badge(value)


@register.filter
def importance(value: str) -> SafeString | str:
    """Coloured."""
    from secops_agent.admin import inventory

    return inventory.importance_badge(value)
