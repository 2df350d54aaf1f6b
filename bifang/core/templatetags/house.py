"""How times and names look on our own pages.

Templates are loaded before unfold can be, and forms load all libraries: what shows is imported when it is asked.
"""

import json
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


@register.simple_tag
def fills(*pairs: object) -> str:
    """For data-fills: the id of a field and what stands in it, in turn."""
    return json.dumps(dict(zip(map(str, pairs[::2]), map(str, pairs[1::2]), strict=True)), ensure_ascii=False)


@register.filter
def told(fieldset: Any) -> str:
    """What the fields of a fold hold now, but for secrets and what is empty."""
    boxes = [each.field for line in fieldset for each in line if hasattr(each.field, "value")]
    held = [(box.label, _shown(box)) for box in boxes if not getattr(box.field, "sealed", False)]
    return " · ".join(f"{label} {shown}" for label, shown in held if shown) or "没有填写"


def _shown(box: Any) -> str:
    value = box.value()
    if isinstance(value, bool):
        return "开启" if value else "关闭"
    several = [
        each for each in (value if isinstance(value, list | tuple) else [value]) if each not in (None, "")
    ]
    if not several:
        return str(getattr(box.field, "empty_label", None) or "")  # its choices may cost a query
    flat: dict[str, Any] = {}
    for key, label in getattr(box.field, "choices", ()):
        flat |= (
            {str(each): name for each, name in label}
            if isinstance(label, list | tuple)
            else {str(key): label}
        )
    return "、".join(str(flat.get(str(each), each)) for each in several)[:60]


@register.filter
def after_chinese(name: object) -> str:
    """Apart from the Chinese word before it where it begins with a Latin one: 新增 API 令牌, 新增资产."""
    text = str(name)
    return f" {text}" if text[:1].isascii() else text
