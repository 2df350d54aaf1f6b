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
STRANGE = 0.5  # what a question or a condition that it does not know of costs it
OTHER = 1.5  # and what another thing costs that is spoken of
# What a thing has, of ours or of the trade, and what is asked of anything: strange to no frame.
PARTS = ("noun.asset", "noun.indicator", "noun.rule", "noun.software")
_NARROWING = ("said.time", "said.severity", "said.status")
BACKGROUND = (
    "noun.report",
    "noun.oncall",
    "noun.proposal",
    "noun.event",
)  # 值班交接要用, 明天汇报: why something is asked
ASIDE = (
    *PARTS, "word.", "kind.", "said.type", "said.handled", "ask.see", "ask.what", "said.ours", "said.exists", "said.countonly", "said.software", "said.limit",
)  # fmt: skip


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
    """How well a frame fits a sentence; ``untaken``: the kinds of what is named and it does not take, ``strange``: the questions and
    conditions that it does not know of, ``others``: the things among them that are spoken of for their own sake."""

    frame: ToolFrame
    score: float
    untaken: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Does it take every name, question and condition?"""
        return not self.untaken and not self.strange

    @property
    def answers(self) -> bool:
        """Is it the answer at all: is no name left out, and no other thing spoken of?"""
        return not self.untaken and not self.others


def weigh(frames: Sequence[ToolFrame], cues: Mapping[str, str], kinds: Sequence[str]) -> list[Fit]:
    """Those that can be meant, the best first; ``cues`` were found in the sentence, ``kinds`` are the kinds of what it names."""
    fits = (_fit(frame, cues, kinds) for frame in frames)
    return sorted((fit for fit in fits if fit), key=lambda fit: -fit.score)


def tells_of(frame: ToolFrame, cue: str) -> bool:
    """Does its answer tell that, or is it asked of anything?"""
    return frame.words.get(cue, -1) >= 0 or cue.startswith(ASIDE)


def strange(frame: ToolFrame, cues: Mapping[str, str]) -> list[str]:
    """The questions and conditions of a sentence that the frame does not know of; a word inside one that it knows is no other one."""
    known = [(cue, text) for cue, text in cues.items() if text and frame.words.get(cue, -1) >= 0]

    def inside(cue: str) -> bool:
        likes = (
            ("noun.", "word.") if cue.startswith("noun.") else ""
        )  # a thing is told by no question around it
        return any(cues[cue] in text for each, text in known if each.startswith(likes))

    return [cue for cue in cues if not tells_of(frame, cue) and not (cues[cue] and inside(cue))]


def _fit(frame: ToolFrame, cues: Mapping[str, str], kinds: Sequence[str]) -> Fit | None:
    needed = any(kind in frame.needs for kind in kinds)
    if not needed and (frame.needs or (frame.about and cues.keys().isdisjoint(frame.about))):
        return None
    taken = {*frame.takes, *frame.needs}
    untaken = tuple(kind for kind in kinds if kind in IDENTIFIERS and kind not in taken)
    score = sum(weight for cue, weight in frame.words.items() if cue in cues)
    score += sum(weight for kind, weight in frame.takes.items() if kind in kinds)
    unknown = tuple(strange(frame, cues))
    others = tuple(cue for cue in unknown if cue.startswith("noun.") and not _is_background(cue, cues))
    narrowing = [cue for cue in unknown if cue in _NARROWING and cue not in frame.words]
    score -= UNTAKEN * len(set(untaken)) + STRANGE * len(unknown) + OTHER * (len(others) + len(narrowing))
    return Fit(frame, score, untaken, unknown, others)


def _is_background(cue: str, cues: Mapping[str, str]) -> bool:
    """值班交接要用, 汇报需要: why something is asked, unless it is asked of."""
    if cue == "noun.oncall":
        return cues.keys().isdisjoint(("ask.who", "ask.when", "ask.owner"))
    return cue in BACKGROUND and not cues.keys().isdisjoint(("noun.alert", "noun.vuln"))


IDENTIFIERS = frozenset(("URL", "HASH", "CVE", "IP", "ASSET_IP", "ASSET", "DOMAIN", "HOST", "PERSON", "SCHEDULE", "ALERT", "ALERTS", "TECHNIQUE", "CASE", "NETWORK", "OBSERVABLE"))  # fmt: skip


@cache
def _cues() -> tuple[tuple[str, str], ...]:
    told = [f"{table}.{name}" for table in ("noun", "ask") for name in load("cues")[table]]
    return tuple((cue, f"cues.{cue}") for cue in told)


def find_cues(text: str) -> dict[str, str]:
    """The nouns and questions of a text, each with the words that tell it."""
    return {cue: match.group() for cue, name in _cues() if (match := pattern(name).search(text))}
