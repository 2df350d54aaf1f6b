"""What a group may not read: addresses and numbers of people, wherever a source has written them."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from secops_agent.models import Asset
from secops_agent.models.choices import AssetType
from secops_agent.services.privacy import HIDDEN, mask_personal
from secops_agent.tools.base import ToolResult

NOTE: Final = "> 含个人信息的内容不在群里显示。"


def mask(text: str, values: Iterable[str] = ()) -> str:
    """E-mail addresses, mobile and identity numbers, and these values, replaced."""
    for value in sorted({value for value in values if len(value) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", HIDDEN, text, flags=re.IGNORECASE)
    return mask_personal(text)


def for_group(result: ToolResult, values: Iterable[str] = ()) -> ToolResult:
    """The result as a group may read it; what was lost is for the asker's own chat."""
    hidden = tuple(values)
    shown = mask(result.text, hidden)
    result = replace(result, steps=tuple(step for step in result.steps if mask(step, hidden) == step))
    if NOTE in shown or (shown == result.text and not result.private_text):
        return replace(result, text=shown)
    full = result.private_text or result.text
    return replace(result, text=f"{shown}\n\n{NOTE}", data=None, private_text=full)


def account_names(asset_ids: Iterable[int]) -> tuple[str, ...]:
    """Which of these assets are people's accounts, by name."""
    rows = Asset.objects.filter(pk__in=set(asset_ids), asset_type=AssetType.ACCOUNT)
    return tuple(rows.values_list("name", flat=True))
