"""Live WebSocket connections of clients."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import WSCloseCode, web

from simulators.sockets import Message, Pool, Socket
from simulators.values import dump, mint

from .frames import build_disconnect, build_frame


class Owner(Protocol):
    """Who is told what comes in."""

    def receive_ack(self, link: "Link", ack: dict[str, Any]) -> None:
        """An upstream frame with a messageId."""

    def receive_noise(self, link: "Link", text: str) -> None:
        """An upstream frame that is no ack."""


@dataclass(frozen=True, slots=True)
class Ping:
    """One SYSTEM ping under way. ``sent``: loop time; ``echoed``: the milliseconds until its echo."""

    sent: float
    data: str
    echoed: asyncio.Future[float]


class Link(Socket):
    """One connection of a client."""

    def __init__(self, client_id: str, subscriptions: set[tuple[str, str]], user_agent: str) -> None:
        super().__init__(client_id, user_agent)
        self.subscriptions = subscriptions
        self.draining = False
        self.pings: dict[str, Ping] = {}

    @property
    def client_id(self) -> str:
        """Whose it is."""
        return self.owner

    def accepts(self, kind: str, topic: str) -> bool:
        """Whether pushes of that type and topic may go here."""
        return not self.draining and (kind, topic) in self.subscriptions

    def ping(self) -> "Ping":
        """Send SYSTEM ping; its echo comes back as an ack."""
        message_id, loop = mint("ping-"), asyncio.get_running_loop()
        ping = self.pings[message_id] = Ping(loop.time(), dump({"opaque": mint("")}), loop.create_future())
        self.push(build_frame("SYSTEM", "ping", ping.data, connection_id=self.id, message_id=message_id))
        return ping

    async def disconnect(self, grace_s: float) -> None:
        """Say SYSTEM disconnect, push nothing more, close after the grace time."""
        self.draining = True
        self.push(build_disconnect())
        await asyncio.sleep(grace_s)
        await self.close(WSCloseCode.OK)

    async def run(self, request: web.Request, owner: Owner) -> None:
        """Serve the connection until it ends."""
        await self.serve(request, lambda message: self._take(owner, message))

    def _take(self, owner: Owner, message: Message) -> None:
        if isinstance(message, bytes):
            return
        try:
            ack = json.loads(message)
        except ValueError:
            ack = None
        if isinstance(ack, dict) and isinstance(ack.get("headers"), dict) and ack["headers"].get("messageId"):
            owner.receive_ack(self, ack)
        else:
            owner.receive_noise(self, message)


@dataclass(slots=True)
class Links(Pool[Link]):
    """The live connections of all clients."""

    refused: dict[str, str] = field(default_factory=dict)  # why a client's last registration failed

    def add(self, socket: Link) -> None:
        """A new connection."""
        self.refused.pop(socket.client_id, None)
        Pool.add(self, socket)

    def pick(self, client_id: str, kind: str, topic: str) -> Link | None:
        """One random connection that may get such a push: DingTalk balances, it does not broadcast."""
        links = [link for link in self.by_owner.get(client_id, ()) if link.accepts(kind, topic)]
        return random.choice(links) if links else None  # noqa: S311 - load balancing, not security

    def describe(self, client_id: str) -> list[dict[str, Any]]:
        """The connections of a client, as shown by ``GET /sim/state``."""
        return [
            {
                "id": link.id,
                "since": link.since,
                "user_agent": link.user_agent,
                "draining": link.draining,
                "half_open": link.frozen,
                "topics": sorted(f"{kind} {topic}" for kind, topic in link.subscriptions),
            }
            for link in self.by_owner.get(client_id, ())
        ]
