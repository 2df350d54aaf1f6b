"""What a tool can be asked: what its answer tells of, which names it takes, and which of them it needs.

Which tool a sentence asks for is the ranker's to say. A frame has the last word: without a name that it needs it is none, and a
name that it does not take is not dropped, but leads to a question back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from bifang.channels.ports import Suggestion
from secops_agent.llm.offline.words import load, pattern
from secops_agent.llm.understanding.entities import OWN

# What a thing has, of ours or of the trade, and what is asked of anything: strange to no frame.
PARTS = ("noun.asset", "noun.indicator", "noun.rule", "noun.software")
ASIDE = (
    *PARTS, "said.type", "ask.see", "ask.what", "said.ours", "said.exists", "said.software", "said.limit",
)  # fmt: skip
LIST_OF = {"get_case": "list_cases", "get_alert": "list_alerts"}
IDENTIFIERS = frozenset(kind.name for kind in OWN)


@dataclass(frozen=True, slots=True, eq=False)
class ToolFrame:
    """Of one tool that reads. ``tells``: cues of `cues.toml` ("noun.alert", "ask.who") that its answer tells of; ``takes``: kinds of
    names; ``needs``: one of these kinds must be named; ``tap``: the sentence that asks it of a thing, ``example`` one of nothing named."""

    tool: str
    tells: frozenset[str]
    takes: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    tap: Callable[[str], Suggestion] | None = None
    example: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How probable it is that a tool is asked for; ``untaken``: the kinds of what is named and it does not take, ``strange``: the
    questions and conditions that it does not tell of."""

    frame: ToolFrame
    score: float
    untaken: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Does it take every condition? What drops one is no rival of what takes it."""
        return not any(cue.startswith("said.") for cue in self.strange)

    @property
    def of_the_noun(self) -> bool:
        """Does it tell of every thing that is named? What does not is no rival of what takes all."""
        return not any(cue.startswith("noun.") for cue in self.strange)

    @property
    def whole(self) -> bool:
        """Does it take every name, question and condition?"""
        return not self.untaken and not self.strange


def fits(
    frames: Sequence[ToolFrame],
    ranks: Mapping[str, float],
    cues: Mapping[str, str],
    kinds: Sequence[str],
    described: Mapping[str, bool],
) -> list[Fit]:
    """Those that can be meant, the most probable first, without those that need another name; of one that is ``described`` by words
    (db-02 往外传数据那个事件) its list is asked instead."""
    able = [frame for frame in frames if not frame.needs or not set(frame.needs).isdisjoint(kinds)]
    tools = {frame.tool for frame in able}
    more = {LIST_OF[one]: ranks.get(one, 0.0) for one in LIST_OF.keys() - tools if described[one]}
    found = [
        Fit(
            frame,
            ranks.get(frame.tool, 0.0) + more.get(frame.tool, 0.0),
            tuple(kind for kind in kinds if kind in IDENTIFIERS - frame.takes - {*frame.needs}),
            tuple(strange(frame, cues)),
        )
        for frame in able
    ]
    return sorted(found, key=lambda fit: -fit.score)


def tells_of(frame: ToolFrame, cue: str) -> bool:
    """Does its answer tell that, or is it asked of anything?"""
    return cue in frame.tells or cue.startswith(ASIDE)


def strange(frame: ToolFrame, cues: Mapping[str, str]) -> list[str]:
    """The questions and conditions of a sentence that the frame does not know of; a word inside one that it knows is no other one."""
    known = [(cue, text) for cue, text in cues.items() if text and cue in frame.tells]

    def inside(cue: str) -> bool:
        likes = "noun." if cue.startswith("noun.") else ""  # a thing is told by no question around it
        return any(cues[cue] in text for each, text in known if each.startswith(likes))

    return [cue for cue in cues if not tells_of(frame, cue) and not (cues[cue] and inside(cue))]


@cache
def _cues() -> tuple[tuple[str, str], ...]:
    told = [f"{table}.{name}" for table in ("noun", "ask") for name in load("cues")[table]]
    return tuple((cue, f"cues.{cue}") for cue in told)


def find_cues(text: str) -> dict[str, str]:
    """The nouns and questions of a text, each with the words that tell it."""
    return {cue: match.group() for cue, name in _cues() if (match := pattern(name).search(text))}
