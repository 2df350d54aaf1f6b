"""What never waits behind a turn of the same sender."""

import re
from typing import Final

from secops_agent.agent.acting.controls import read_control
from secops_agent.agent.acting.orders import read_order

_DECIDES: Final = re.compile(r"(确认|同意|拒绝|停止)(\s|$)")
_SHORT: Final = 60  # characters; other ways to say it (批准, 停一下) are short


def is_urgent(text: str) -> bool:
    """Does this decide or stop something?"""
    if _DECIDES.match(text):
        return True
    return len(text) <= _SHORT and (read_control(text) is not None or read_order(text) is not None)
