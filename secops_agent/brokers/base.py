"""What a broker must be able to do for us. A client is used by one task; it is opened once and closed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from bifang.core.errors import RemoteError
from bifang.core.outbound.network import resolve
from bifang.core.outbound.reach import reason_of
from secops_agent.brokers.config import BrokerSettings
from secops_agent.services.intake.deliveries import Delivery

HOLD_S: Final = 60.0  # a message that nobody confirmed for so long is given to another consumer
CONNECT_S: Final = 4.0
ANSWER_S: Final = 5.0
TRIED: Final = 3  # addresses of a name


@dataclass(frozen=True, slots=True)
class Backlog:
    """``lag``: not given to anybody yet, None where the broker does not know; ``pending``: given, not confirmed."""

    lag: int | None
    pending: int


class BrokerClient(Protocol):
    """Errors are RemoteError, BadCredentials and ConfigError; every call ends within seconds.

    ``hold_s``: what is neither confirmed nor held for so long is given to another consumer.
    """

    hold_s: float

    async def open(self) -> None:
        """Connect and log in."""
        ...

    async def look(self) -> str:
        """What there is, in Chinese; nothing is changed or taken."""
        ...

    async def join(self) -> None:
        """Become one of the group, which is made if it is not there."""
        ...

    async def fetch(self, most: int, wait_s: float) -> list[Delivery]:
        """What waits, also what another consumer had and did not confirm; waits for the first one."""
        ...

    async def confirm(self, deliveries: Sequence[Delivery]) -> None:
        """They are dealt with."""
        ...

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """We still work on them."""
        ...

    async def put_back(self, delivery: Delivery, after_s: float) -> None:
        """To be given to anybody again, not before."""
        ...

    async def backlog(self) -> Backlog:
        """How far behind the group is."""
        ...

    async def close(self) -> None:
        """Leave. Never raises."""
        ...


@asynccontextmanager
async def opened(client: BrokerClient) -> AsyncIterator[BrokerClient]:
    """Open it, and close it whatever happens."""
    try:
        await client.open()
        yield client
    finally:
        await client.close()


async def addresses_of(settings: BrokerSettings) -> Sequence[str]:
    """Where the host's name leads, none of it forbidden: the client must connect to these, not to the name."""
    try:
        found = await resolve(settings.host, settings.port)
    except OSError as error:
        raise RemoteError(
            f"无法解析 {settings.host}（{reason_of(error)}）：请检查服务地址和 DNS。", permanent=False
        ) from None
    return [address for _, address in found[:TRIED]]
