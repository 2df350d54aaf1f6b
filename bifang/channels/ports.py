"""What passes between a chat channel, the durable store and whoever answers. Frozen, no Django.

A channel (DingTalk, later Feishu or a web chat) turns its wire into `Incoming`, and delivers `Part`s.
The answering side turns a `Turn` into a `TurnResult`. Neither knows the other.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["chat", "event", "card"]
Route = Literal["webhook", "group", "private", "card", "robot", "web"]


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Where an answer goes. ``webhook`` is a bearer secret valid until ``webhook_expires_ms`` (epoch ms).

    ``robot``: a custom robot, which only sends, by the id under which its address is kept; ``conversation_id`` is then
    the digest of that address. ``message_id``: what is answered, where a channel answers a message rather than in a chat.
    """

    conversation_id: str
    is_group: bool
    staff_id: str = ""
    robot_code: str = ""
    webhook: str = ""
    webhook_expires_ms: int = 0
    robot: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing received, normalised. (config_id, kind, external_id) is its identity for deduplication.

    ``external_id`` is DingTalk's msgId for chat, eventId for events, the frame's messageId for cards.
    ``said_ms`` is when the platform says it was said (epoch ms; 0: it does not say).
    ``urgent`` rows (确认, 同意, 拒绝, 停止) never wait behind a turn of the same sender.
    ``unreadable`` holds the raw frame when a database cannot hold its text: stored as a dead letter.
    """

    config_id: int
    kind: Kind
    external_id: str
    conversation_id: str = ""
    sender_id: str = ""
    text: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    target: ReplyTarget | None = None
    urgent: bool = False
    unreadable: bytes = b""
    said_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored row, claimed by this process, to be answered. ``token`` fences every later write of it."""

    inbox_id: int
    token: str
    attempt: int
    config_id: int
    kind: Kind
    external_id: str
    conversation_id: str
    sender_id: str
    text: str
    payload: Mapping[str, Any]
    target: ReplyTarget | None
    received_at_ms: int
    urgent: bool = False

    @property
    def trace(self) -> str:
        """The name of its trace (`bifang.core.monitoring.tracing`)."""
        return f"inbox:{self.inbox_id}"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message, where a channel can show one; ``params`` come back with the click.

    ``style`` is primary, danger or default. The text must do without: it names the code to type instead.
    """

    id: str
    text: str
    style: str = "default"
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sentence that the reader may send next; ``str`` gives it. The product makes them in one module only.

    ``verb`` is one of `bifang.channels.text.verbs.Verb` ("" for a question), ``code`` what it is about, ``rest`` what
    follows. Verb and code alone can be a link that sends them (`bifang.channels.text.outgoing.may_tap`).
    """

    verb: str
    code: str = ""
    rest: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.code, self.rest)))


@dataclass(frozen=True, slots=True)
class FileToSend:
    """A file that goes out as one. ``name`` has the extension by which people open it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to send: DingTalk-flavoured markdown. ``at_sender`` mentions the asker in a group.

    ``target`` overrides the turn's own address (a private copy, a notification). A reply with a ``file`` is that file;
    its text stands for it where no file can be sent.
    """

    text: str
    title: str = ""
    at_sender: bool = True
    target: ReplyTarget | None = None
    buttons: tuple[Button, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    file: FileToSend | None = None


@dataclass(frozen=True, slots=True)
class TurnResult:
    """Replies, and rows (`bifang.core.database.rows.NewRow`) to insert in the transaction that marks the turn as handled.

    ``note`` says in Chinese why there is no answer; it is shown beside the message in the inbox.
    """

    replies: tuple[Reply, ...] = ()
    rows: tuple[Any, ...] = ()
    note: str = ""


# An answer so far, or what tells it: asked only when it is shown, so that it may take its time; "" is nothing yet.
Draft = str | Callable[[], str]


class ReplySink(Protocol):
    """Best-effort progress of a running turn; a failing sink never fails the turn."""

    def progress(self, text: str) -> None:
        """Tell what is being done (one short Chinese line)."""

    def stream(self, text: Draft) -> None:
        """Show the whole answer so far."""


@dataclass(frozen=True, slots=True)
class Part:
    """One outbox row to deliver, claimed by this process. ``key`` is stable over retries.

    Parts with the same ``order_key`` go out one after the other; those with the same ``card`` are one card that changes.
    """

    outbox_id: int
    token: str
    order_key: str
    inbox_id: int | None
    config_id: int
    key: str
    title: str
    text: str
    at_staff_id: str
    target: ReplyTarget
    created_ms: int
    buttons: tuple[Button, ...] = ()
    card: str = ""
    file: FileToSend | None = None

    @property
    def trace(self) -> str:
        """That of the message that it answers; of a notice, that of its key without the number of the turn."""
        return f"inbox:{self.inbox_id}" if self.inbox_id else ":".join(self.key.split(":")[:3])


@dataclass(frozen=True, slots=True)
class Delivered:
    """How a part went out; ``receipt`` is the remote id, if any."""

    route: Route
    receipt: str = ""


class Channel(Protocol):
    """Delivers parts. Errors: RateLimited (retry_after), OutcomeUnknown (it may have arrived, and would arrive twice),
    RemoteError/ConfigError (permanent or not)."""

    name: str

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """Cut a long reply into what one message of this channel can carry."""
        ...

    async def deliver(self, part: Part) -> Delivered:
        """Send one part; returns only when the remote side accepted it."""
        ...

    def share(self, processes: int) -> None:
        """So many processes deliver for these configurations now: each keeps to its part of the remote limits."""
        ...


Handler = Callable[[Turn, ReplySink], Awaitable[TurnResult]]
