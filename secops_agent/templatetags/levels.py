"""Severity and importance as badges."""

from django import template

from secops_agent.admin import inventory

register = template.Library()
register.filter("severity", inventory.severity_badge)
register.filter("importance", inventory.importance_badge)
