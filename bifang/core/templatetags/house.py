"""How times look on our own pages.

Templates are loaded before unfold can be, and forms load all libraries: what shows is imported when it is asked.
"""

from datetime import datetime
from typing import Any

from django import template

register = template.Library()


@register.filter
def ago(value: datetime | None) -> Any:
    """How long ago, in words."""
    from bifang.core.admin import base

    return base.ago(value)


@register.filter
def moment(value: datetime | None) -> Any:
    """The local time to the second."""
    from bifang.core.admin import base

    return base.moment(value)
