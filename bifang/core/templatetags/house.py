"""How times and names look on our own pages.

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


@register.filter
def after_chinese(name: object) -> str:
    """Apart from the Chinese word before it where it begins with a Latin one: 新增 API 令牌, 新增资产."""
    text = str(name)
    return f" {text}" if text[:1].isascii() else text
