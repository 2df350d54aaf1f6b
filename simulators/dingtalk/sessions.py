"""sessionWebhooks that were handed out with messages."""

import time
from dataclasses import dataclass, field

from simulators.values import mint

SESSIONS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Session:
    """A bearer secret that lets a robot answer into one conversation. ``expires``: epoch seconds."""

    client_id: str
    conversation_id: str
    msg_id: str
    expires: float


@dataclass(slots=True)
class Sessions:
    """Sessions by their token, the oldest forgotten first."""

    known: dict[str, Session] = field(default_factory=dict)

    def open(self, client_id: str, conversation_id: str, msg_id: str, ttl_s: float) -> str:
        """A new session token; a ttl of zero or less has expired already."""
        if len(self.known) >= SESSIONS_KEPT:
            del self.known[next(iter(self.known))]
        token = mint("")
        self.known[token] = Session(client_id, conversation_id, msg_id, time.time() + ttl_s)
        return token

    def find(self, token: str) -> Session | None:
        """The session; None if unknown or expired."""
        session = self.known.get(token)
        return session if session and session.expires > time.time() else None
