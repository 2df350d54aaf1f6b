"""How much may be said unasked: a channel whose remote side meters what we send tells it, whoever wants to speak asks.

Answers, approvals and 停止 never ask.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bifang.core.registry import Registry

# Everything; what is not grave only as a digest, and no cards; not even that.
Step = Literal["full", "digest", "none"]


@dataclass(frozen=True, slots=True)
class SendingAllowance:
    """``percent`` of the quota is used; ``reason`` says in Chinese why there is a step."""

    step: Step = "full"
    percent: int = 0
    reason: str = ""

    @property
    def scarce(self) -> bool:
        """Is only what is grave told at once?"""
        return self.step != "full"


FULL: Final = SendingAllowance()
# What a message is paid with: calls of an application; or, through a custom robot, messages.
Means = Literal["calls", "messages"]
Provider = Callable[[int, Means], SendingAllowance]
# Of each channel that is metered; `FULL` for configurations that are not its own.
ALLOWANCES: Final = Registry[Provider]()


def allowance(config_id: int | None, means: Means = "calls") -> SendingAllowance:
    """What may be said unasked through this configuration now. Reads the database."""
    if config_id is None:
        return FULL
    return next((found for ask in ALLOWANCES if (found := ask(config_id, means)) != FULL), FULL)
