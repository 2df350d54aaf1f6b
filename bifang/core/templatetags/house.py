"""How times and texts look on our own pages.

Django loads every library while unfold's admin is still being imported: what stands on the admin is asked when used.
"""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """How long ago, or until, in words."""
    from bifang.core.admin import base

    return base.ago(value)


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A local time to the second."""
    from bifang.core.admin import base

    return base.moment(value)
