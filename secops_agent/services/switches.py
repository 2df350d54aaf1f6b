"""只读, 停止动作, 不主动说话 and 停用模型: read where something is decided, remembered for a moment where a turn only asks."""

import asyncio
import time
from typing import Final

from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.switches import NO_ACTIONS, NO_MODEL, NO_SPEECH, READ_ONLY, read_switches
from secops_agent.models.automation.proposal import Risk

__all__ = [
    "NO_ACTIONS",
    "NO_MODEL",
    "NO_SPEECH",
    "READ_ONLY",
    "SILENT",
    "ReadOnly",
    "SwitchBoard",
    "read_switches",
    "refuse_when_read_only",
    "stops",
]

FRESH_S: Final = 1.0  # a switch shows everywhere within two seconds
READ_ONLY_TEXT: Final = (
    "系统处于只读模式，只回答查询，所有操作都不执行。需要操作时请联系管理员关闭「只读」开关。"
)
NO_ACTIONS_TEXT: Final = (
    "「停止动作」打开着，对外的动作不执行。请管理员在「系统开关」里恢复以后再决定；那时已过期的，请重新提出。"
)
SILENT: Final = "「不主动说话」打开着：恢复时汇总告知"
NO_MODEL_TEXT: Final = "管理员已停用模型。"


class ReadOnly(BifangError):
    """An action that the switch forbids."""

    def __init__(self) -> None:
        super().__init__(READ_ONLY_TEXT, permanent=True)


def refuse_when_read_only() -> None:
    """Raises ReadOnly."""
    if READ_ONLY in read_switches():
        raise ReadOnly


def stops(risk: str) -> str:
    """Why the switches do not let an operation of this risk be done now; "" if they do."""
    on = read_switches()
    if READ_ONLY in on:
        return READ_ONLY_TEXT
    return NO_ACTIONS_TEXT if NO_ACTIONS in on and risk == Risk.DANGEROUS else ""


class SwitchBoard:
    """The switches in the hands of an event loop, at most `FRESH_S` seconds old."""

    def __init__(self) -> None:
        self._on: frozenset[str] = frozenset()
        self._looked_at = float("-inf")
        self._look = asyncio.Lock()

    async def on(self) -> frozenset[str]:
        """The names of the switches that are on."""
        async with self._look:  # one looks for all who ask meanwhile
            if time.monotonic() - self._looked_at >= FRESH_S:
                self._on = await db.call(read_switches)
                self._looked_at = time.monotonic()
        return self._on
