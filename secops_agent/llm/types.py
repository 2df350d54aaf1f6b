"""The LLM port: what the agent says to a model and what it gets back. No Django here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from bifang.channels.ports import Suggestion

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model asks for; ``arguments`` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


class Message(NamedTuple):
    """One message of the dialogue; ``tool_call_id`` and ``name`` only with role ``tool``.

    A turn makes two dozen of them: a tuple takes a third of the time of a frozen dataclass.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as shown to the model; ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one completion."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One completion asked of a model.

    ``timeout`` is the overall deadline of this call in seconds, streaming included.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "none"] = "auto"
    temperature: float = 0.05  # small models that guess call wrongly
    max_tokens: int = 2000
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Delta:
    """A streamed fragment, for display only; the Completion holds the whole. ``notice``: why nothing comes yet."""

    content: str = ""
    reasoning: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that may have been meant: checked and shown with its exact effect; nothing is done until its asker takes it."""

    tool: str
    arguments: Mapping[str, Any]
    chosen: str = ""  # what of it a model chose: 对象 from data, 结论 from a reason


@dataclass(frozen=True, slots=True)
class Heard:
    """What code made of a sentence beside a call: ``offers`` (one offer, perhaps of several actions); ``taps``, full sentences
    that can be sent next; ``asks``: it asks back; ``unclear``: it was not understood; ``rights``: it asks who may do this tool's
    action ("": in general); ``named`` and ``order`` (perhaps incomplete) are kept in the focus; ``drops``: what was
    offered is taken back; ``left``: what is not in the offer; ``each``: the order is meant for "all" that the look-up lists, for "one" of it, or for a number of them; ``waits``:
    the same order for other things; ``sure``: nothing of it is guessed; ``final``: only code answers it (the help text, why
    nothing is started)."""

    offers: tuple[Offer, ...] = ()
    taps: tuple[Suggestion, ...] = ()
    asks: bool = False
    unclear: bool = False
    rights: str | None = None
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Offer | None = None
    drops: bool = False
    left: tuple[str, ...] = ()
    each: str = ""
    waits: tuple[Offer, ...] = ()
    sure: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model answered: text, or tool calls to run, with what it cost.

    Of the offline mode: ``remark`` names what its calls do not carry; ``heard``: see `Heard`.
    """

    message: Message
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    request_id: str = ""
    remark: str = ""
    heard: Heard | None = None


OnDelta = Callable[[Delta], None]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What every configuration of a model has. ``base_url`` "": see the adapter; ``proxy`` "": the environment's.

    ``config_id``: whose account pays. ``daily_…``: what may be spent a day, 0 without limit; whoever asks the model
    keeps to it. Time-outs are seconds: to the first event, and between two events.
    """

    name: str
    model: str
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    proxy: str = field(default="", repr=False)
    daily_budget_yuan: float = 0.0
    daily_tokens: int = 0
    first_timeout: float = 60.0
    stall_timeout: float = 30.0
    config_id: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a model is asked.

    ``config_id`` is the configuration that pays, None if nobody does. ``room``: tokens that a request may have, tools
    included; 0: not known, or no matter. ``seconds``: how long a turn may take with it; 0: as always. ``calls``: may it
    call tools? Else it only words what code looked up.
    """

    config_id: int | None = None
    room: int = 0
    seconds: float = 0.0
    calls: bool = True


class LLM(Protocol):
    """A model. ``name`` is what people are shown; ``offline`` tells that no model was asked."""

    name: str
    offline: bool
    terms: Terms

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """Run one completion; cancelling the task cancels the call.

        Raises BifangError: BadCredentials, RateLimited (retry_after s), RemoteError with ``code``
        (``content_filter``, ``context_overflow``, ``timeout``, ``network`` or the service's own).
        """
        ...
