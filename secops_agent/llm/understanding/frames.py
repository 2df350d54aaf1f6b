"""What a tool can be asked: frames, and which of them a sentence fits.

A frame says what its tool is about, what it takes and which words belong to it. A sentence is weighed against all: its
words, the names that a frame takes, and what it would leave out. Nothing is chosen by counting alone: a frame without the
name that it needs is none, and a name that the best one does not take, or a second one too near, leads to a question back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from bifang.channels.ports import Suggestion
from secops_agent.llm.offline.words import load, pattern

UNTAKEN = 2.5  # what a name that a frame does not take costs it


@dataclass(frozen=True, slots=True, eq=False)
class ToolFrame:
    """Of one tool that reads. ``words``: cues of `cues.toml` ("noun.alert", "ask.who") and what each tells for it; ``takes``: kinds of
    names and what each tells; ``needs``: one of these kinds must be named; ``tap``: the sentence that asks it of a thing, ``example`` one of nothing named; ``about``:
    without one of these cues, or a name that is needed, it is not spoken of at all."""

    tool: str
    words: Mapping[str, float]
    takes: Mapping[str, float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    tap: Callable[[str], Suggestion] | None = None
    example: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a frame fits a sentence; ``untaken``: the kinds of what is named and it does not take."""

    frame: ToolFrame
    score: float
    untaken: tuple[str, ...] = ()


def weigh(frames: Sequence[ToolFrame], cues: Mapping[str, str], kinds: Sequence[str]) -> list[Fit]:
    """Those that can be meant, the best first; ``cues`` were found in the sentence, ``kinds`` are the kinds of what it names."""
    fits = (_fit(frame, cues, kinds) for frame in frames)
    return sorted((fit for fit in fits if fit), key=lambda fit: -fit.score)


def _fit(frame: ToolFrame, cues: Mapping[str, str], kinds: Sequence[str]) -> Fit | None:
    needed = any(kind in frame.needs for kind in kinds)
    if not needed and (frame.needs or (frame.about and cues.keys().isdisjoint(frame.about))):
        return None
    taken = {*frame.takes, *frame.needs}
    untaken = tuple(kind for kind in kinds if kind in IDENTIFIERS and kind not in taken)
    score = sum(weight for cue, weight in frame.words.items() if cue in cues)
    score += sum(weight for kind, weight in frame.takes.items() if kind in kinds)
    return Fit(frame, score - UNTAKEN * len(set(untaken)), untaken)


IDENTIFIERS = frozenset(("URL", "HASH", "CVE", "IP", "ASSET_IP", "ASSET", "DOMAIN", "HOST", "PERSON", "SCHEDULE", "ALERT", "ALERTS", "TECHNIQUE", "CASE", "NETWORK", "OBSERVABLE"))  # fmt: skip


@cache
def _cues() -> tuple[tuple[str, str], ...]:
    told = [f"{table}.{name}" for table in ("noun", "ask") for name in load("cues")[table]]
    return tuple((cue, f"cues.{cue}") for cue in told)


def find_cues(text: str) -> dict[str, str]:
    """The nouns and questions of a text, each with the words that tell it."""
    return {cue: match.group() for cue, name in _cues() if (match := pattern(name).search(text))}
