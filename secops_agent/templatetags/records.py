"""The pages of records, in templates."""

from django import template

from secops_agent.services import links

register = template.Library()


@register.filter
def asset_url(pk: int) -> str:
    """The page of an asset."""
    return links.asset(pk)
