"""Requests of decisions: a verdict as it arrives from any door, and its outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bifang.channels.ports import ReplyTarget
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.actors import Actor, Human
from secops_agent.services.people.staff import Person

Verdict = Literal["confirm", "approve", "reject", "withdraw"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something is proposed. ``target`` is the address of that conversation; ``asked_by``: who asked for what
    somebody else approved, when it is done."""

    config_id: int
    conversation_id: str
    is_group: bool
    inbox_id: int | None = None
    target: ReplyTarget | None = None
    asked_by: str = ""


Execute = Callable[[str, Mapping[str, Any], Actor, Origin], str]
Check = Callable[[str, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A verdict as it arrives. ``through`` names the message or click: given again, it gets the same answer.

    ``person`` says from which corporation it comes; ``token`` is the API token that speaks for them, if one does.
    """

    code: str
    verdict: Verdict
    person: Person
    config_id: int
    conversation_id: str
    is_group: bool
    through: str
    via: str
    reason: str = ""
    inbox_id: int | None = None
    token: Actor | None = None

    def actor(self, human: Human) -> Actor:
        """Who is on record: the person, or the token that speaks for them and names them."""
        return self.token or Actor.person(human, self.via)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request came to. "decided": now, by it; "repeated": earlier, by the same person; else nothing changed."""

    status: Literal["decided", "repeated", "refused"]
    text: str
    code: str = ""
    state: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """The state in Chinese."""
        return str(ProposalState(self.state).label) if self.state else ""


@dataclass(frozen=True, slots=True)
class Executors:
    """How confirmed things are done: ``execute`` in our own data, ``check`` before an action outside is ordered."""

    execute: Execute
    check: Check
