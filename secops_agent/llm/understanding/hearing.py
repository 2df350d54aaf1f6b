"""What a sentence is read against, and what can be said next about what it names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.offline.words import load
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding.entities import OWN, Sentence, read_sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.frames import ToolFrame
from secops_agent.llm.understanding.questions import Weighed

DEFAULT: Final = (says.HIGH_ALERTS, says.DAILY, says.HELP)
SHORT: Final = 14  # characters of a sentence that may be about what was spoken of before


def hint(name: str) -> str:
    """A text of ``[hints]``."""
    return str(load("talk")["hints"][name])


@dataclass(frozen=True, slots=True)
class Hearing:
    """One sentence against one lexicon at one moment: ``asker`` is the staff id that 我 means, ``focus`` what was spoken of before."""

    lexicon: Lexicon
    now: datetime
    frames: tuple[ToolFrame, ...]
    asker: str
    focus: Focus
    command: bool = False
    whole: bool = False  # what it orders is read as one, never by its stretches

    def heard(self, plain: str, said: str = "") -> Sentence:
        """Another sentence, read against the same; ``said``: with what stands around it."""
        return read_sentence(plain, self.lexicon, self.now, self.asker, said)

    def weighed(self, sentence: Sentence) -> Weighed:
        """What a sentence can ask; where nothing was said before it goes on with nothing."""
        return questions.weigh_sentence(
            sentence, self.frames, self.focus.last is None and self.focus.order is None
        )

    def task(self, said: str) -> Intent | None:
        """What a whole sentence asks for: a question only, never an action, never a follow-up."""
        sentence = self.heard(said)
        weighed = self.weighed(sentence)
        return questions.ask(weighed.likely.frame.tool, sentence) if weighed.likely else None

    def taps(self, sentence: Sentence, weighed: Weighed | None = None) -> tuple[Suggestion, ...]:
        """Full sentences about what was named, by how well their frames fit; no action that was not spoken of, and nobody
        else's target."""
        weighed = weighed or self.weighed(sentence)
        found = reversed(sentence.order.found(*OWN))
        names = {one.kind.name: one.raw.strip() if "*" in str(one.value) else str(one.value) for one in found}
        taps: list[Suggestion] = []
        for fit in weighed.fits:
            named = [names[kind] for kind in (*fit.frame.needs, *sorted(fit.frame.takes)) if kind in names]
            whole = self._said_whole(sentence, fit.frame) if fit.score >= questions.WORTH else None
            if whole or (fit.frame.example and fit.score >= questions.WORTH and not named):
                taps += filter(None, [whole or fit.frame.example])
            elif fit.frame.tap:
                taps += [fit.frame.tap(name) for name in named[:1]]
        if "PERSON" in names:
            taps.append(says.alerts_of(names["PERSON"]))
        taps += map(says.show, sentence.numbers)
        return tuple(dict.fromkeys(taps))[:3]

    def _said_whole(self, sentence: Sentence, frame: ToolFrame) -> Suggestion | None:
        """The question to this tool with every condition that was read, if it is read so again."""
        intent = questions.ask(frame.tool, sentence)
        noun = load("talk")["asked_of"].get(frame.tool, "")
        if not noun or intent is None:
            return None
        marks = (one for one in sentence.question.text if one in sentence.question.entities)
        said = [sentence.question.expand(one).strip() for one in dict.fromkeys(marks)]
        said += [sentence.keyword] if sentence.keyword else []
        again = self.heard(" ".join([*said, noun]))
        best = self.weighed(again).best
        read = questions.ask(frame.tool, again) if best and best.frame is frame else None
        if read is None or read.arguments != intent.arguments:
            return None
        taken = not coverage.unused(again, read, (), frame)
        return says.plainly(again.plain) if said and taken else None
