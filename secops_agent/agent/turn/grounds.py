"""Grounds of a model's offers: what the asker typed in this conversation, and what was shown to them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from secops_agent.agent.turn.wordings import (
    BETWEEN,
    CLAUSE,
    NAME,
    NOT,
    SUPPOSED,
    WIDE,
    covers,
    run_of,
    skeleton,
    tokens_of,
)
from secops_agent.llm.offline.lexicon import squeeze
from secops_agent.llm.understanding.reading import is_pasted
from secops_agent.llm.understanding.warrants import NO_WARRANT, Warrant

# Pictures of blocks, line ends: what people do not see as it arrives.
_STRANGE: Final = re.compile(r"""[^\w\s，。、；：！？,.;:!?…—「」“”‘’"'()（）《》/@#%&+=~_-]|[\r\n]""")
_NEAR: Final = 8  # letters before a stretch that could turn it
UNIT: Final = r"\s*(?:个?小时|分钟?|秒|[点号日天周月年次台%])"
_FINDING: Final = re.compile(r"F\d+", re.IGNORECASE)
_POINTED: Final = re.compile("[那这][一二两三几\\d]?[条个些台]|告警")


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a model's offers may rest on: ``warrant`` of this turn's words, ``earlier`` sentences that the asker typed here, names
    in ``focus``, the arguments of the ``order`` that waits, and values of ``fields`` that were shown here before."""

    warrant: Warrant = NO_WARRANT
    earlier: tuple[str, ...] = ()
    focus: frozenset[str] = frozenset()
    order: Mapping[str, Any] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()

    def is_typed(self, value: str, kind: str = "") -> bool:
        """Did the asker write it in this turn, or what it is the name of?"""
        if value.isdigit():
            own = self.warrant.named.get(kind)
            return value in own if own else _stands_in(value, self.warrant.own, kind)
        named = {one for values in self.warrant.named.values() for one in values}
        return value in named or _stands_in(value, self.warrant.own, kind)

    def is_near(self, value: str) -> bool:
        """Are half of its characters in what they wrote, as of a nickname or a rule in other words?"""
        wide = WIDE.findall(value)
        return bool(wide) and 2 * sum(char in self.warrant.own for char in wide) >= len(wide)

    def in_their_words(self, note: str) -> str:
        """The clauses of a note that say what was typed; else why it is ordered, if that is more than what it is done to."""
        told = [one.strip() for one in CLAUSE.findall(note) if self.are_theirs(one)]
        reason = self.warrant.reason
        names = [one for kind, values in self.warrant.named.items() if kind != "rule" for one in values]
        is_object = _POINTED.search(reason) or any(_stands_in(one, reason) for one in names)
        return "，".join(told) or ("" if is_object else reason)

    def says_all(self, text: str) -> bool:
        """Is a question nearly in their words, of now or before? It only reads, and 推超时的 means alerts."""
        return self._is_near(text) and all(_stands_in(one, self._typed_here()) for one in NAME.findall(text))

    def may_remind_of(self, words: str) -> bool:
        """A reminder that the asker alone reads: nearly in their words, of what they named or were shown (后面那个)."""
        known = all(self._is_known(one) or _stands_in(one, self._typed_here()) for one in NAME.findall(words))
        return known and not _STRANGE.search(words) and self._turns_nothing(words) and self._is_near(words)

    def _is_near(self, text: str) -> bool:
        """Does half of its characters stand in what they typed here?"""
        wide, typed = WIDE.findall(text), self._typed_here()
        return 2 * sum(char in typed for char in wide) >= len(wide)

    def _typed_here(self) -> str:
        return "，".join((self.warrant.typed, *(one for one in self.earlier if not is_pasted(one))))

    def _is_known(self, name: str) -> bool:
        """Was it spoken of here, or shown?"""
        return not {name.lower(), name.lower().lstrip("ae")}.isdisjoint(self.fields | self.focus)

    def are_theirs(self, words: str) -> bool:
        """Is a text one stretch of what they typed in this turn, marks apart, or each clause of it a piece of one that they typed
        here, courtesies and 您 for 他 set aside, with what was denied or supposed in it? A name stands in the same clause, or, where
        that has none, was typed or shown. Other words for it (处里 for 处理) only where nothing is denied or supposed."""
        if _STRANGE.search(words):
            return False
        if self._is_stretch(words):
            return True
        told = [one for one in CLAUSE.findall(words) if any(skeleton(one))]
        return bool(told) and all(self._is_piece(*skeleton(one)) or self._is_near_piece(one) for one in told)

    def _is_near_piece(self, clause: str) -> bool:
        """Is it a clause that they typed in another spelling, where nothing is denied or supposed?"""
        said, typed = tokens_of(clause), (one for text in self._own_texts() for one in CLAUSE.findall(text))
        known = {one for one in said if self._is_known(one)}
        return self._turns_nothing(clause) and any(covers(said, tokens_of(one), known) for one in typed)

    def _turns_nothing(self, words: str) -> bool:
        """Is nothing denied or supposed in these words, nor in what they typed?"""
        return not any(mark.search(text) for mark in (NOT, SUPPOSED) for text in (words, *self._own_texts()))

    def _own_texts(self) -> tuple[str, ...]:
        """What they typed now, and what the order that waits says, which was shown to them."""
        return (self.warrant.typed, *(str(self.order.get(name, "")) for name in ("text", "note", "task")))

    def _is_stretch(self, words: str) -> bool:
        """Dictated words have no marks: a model may set them, and leave out what stands before and behind."""
        told, typed = run_of(words), run_of(self.warrant.typed)
        head, found, tail = typed.partition(told) if told else ("", "", "")
        turned = NOT.search(head[-_NEAR:]) or SUPPOSED.search(head[-2 * _NEAR :]) or NOT.search(tail[:2])
        return bool(found) and not turned and skeleton(words)[1] <= skeleton(self.warrant.typed)[1]

    def is_one_piece(self, words: str) -> bool:
        """Does it stand as it is in what they typed in this turn?"""
        return _bare(words.removeprefix("提醒：")) in _bare(self.warrant.typed)

    def _is_piece(self, letters: str, names: frozenset[str]) -> bool:
        typed = [skeleton(one) for text in self._own_texts() for one in CLAUSE.findall(text)]
        # Of earlier turns only words: a link or a code that was asked about, or pasted, is in no message.
        before = (text for text in self.earlier if not is_pasted(text))
        sources = typed + [skeleton(one) for text in before for one in CLAUSE.findall(text) if not names]
        shown = {name for _, beside in sources for name in beside} | self.fields | self.focus
        known = all(name in shown or name.lstrip("ae") in shown for name in names)
        for said, beside in sources:
            head, found, tail = said.partition(letters) if letters else ("", "", "")
            turned = NOT.search(head) or NOT.search(tail) or SUPPOSED.search(head)
            if found == letters and not turned and (names <= beside or (beside <= names and known)):
                return True
        return False

    def was_written(self, text: str) -> bool:
        """As it stands, in this turn or before in this conversation?"""
        return any(_stands_in(text, one) for one in (self.warrant.typed, *self.earlier))

    def was_typed(self, value: str, kind: str = "") -> bool:
        """Or before, in this conversation?"""
        return self.is_typed(value, kind) or any(_stands_in(value, text, kind) for text in self.earlier)


def _stands_in(value: str, text: str, kind: str = "") -> bool:
    """Not as a part of something else: 33 is not in E33, web-33 or 33分钟, app-01 not in test-app-01."""
    if _FINDING.fullmatch(value):
        return re.search(rf"(?<!\w){value}(?!\d)", text, re.IGNORECASE) is not None
    if value.isdigit():
        sign = "[Ee]" if kind == "case" else "[Aa#]"
        number = rf"(?<![A-Za-z0-9_.:-]){sign}?{value}(?![A-Za-z0-9_:-]|\.\d|{UNIT})"
        return re.search(number, text) is not None
    if re.fullmatch(r"[\d.:a-f]+", value):
        return re.search(rf"(?<![\w.]){re.escape(value)}(?![\w]|\.\d)", text, re.IGNORECASE) is not None
    if value.isascii():
        spelled = r"[\W_]*".join(map(re.escape, _bare(value)))
        name = rf"(?<![A-Za-z0-9])(?<![A-Za-z0-9][-_.]){spelled}(?![A-Za-z0-9]|[-_][A-Za-z0-9])"
        return bool(spelled) and re.search(name, text, re.IGNORECASE) is not None
    return any(plain and plain in form(text) for form in (squeeze, _bare) for plain in [form(value)])


def _bare(text: str) -> str:
    return BETWEEN.sub("", text.lower())


def texts_of(values: Iterable[object]) -> frozenset[str]:
    """Values as they are compared."""
    return frozenset(str(value).strip().lower() for value in values)
