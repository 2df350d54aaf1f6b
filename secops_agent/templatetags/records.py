"""The pages of records, in templates."""

from typing import Any

from django import template

from secops_agent.services import links
from secops_agent.services.people.logins import accounts

register = template.Library()


@register.filter
def asset_url(pk: int) -> str:
    """The page of an asset."""
    return links.asset(pk)


@register.filter
def person(user: Any) -> str:
    """The name of the person behind a login, as colleagues know it."""
    return next((each.name for each in accounts(user)), user.get_username())
