"""One limit for all card calls of an application, in which streaming leaves room for what must arrive."""

from typing import Final

from bifang.channels.limits import Limiter

RATE: Final = 15  # DingTalk: 20 calls a second for one application and API
PERIOD: Final = 1.1  # a second, and what a call may take to arrive later than it was let through
RESERVE: Final = 5  # of RATE, for creating and completing


def card_limiter(*, on: bool) -> Limiter:
    """A window for each client id."""
    return Limiter(RATE, PERIOD, on=on, reserve=RESERVE)
