"""Grounds of a model's offers: what the asker typed in this conversation, and what was shown to them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from secops_agent.agent.turn.wordings import BETWEEN, CLAUSE, NAME, WIDE, Basis, name_of, read, share
from secops_agent.llm.offline.lexicon import squeeze
from secops_agent.llm.understanding.reading import is_pasted
from secops_agent.llm.understanding.warrants import NO_WARRANT, Warrant

_HALF: Final = 0.5
_PIECE: Final = 3
_OF_ANY: Final = re.compile("告警|规则|误报|可疑|异常|登录|数据库?|主机|系统|服务")
UNIT: Final = r"\s*(?:个?小时|分钟?|秒|[点号日天周月年次台%])"
_FINDING: Final = re.compile(r"F\d+", re.IGNORECASE)
# A path or a domain that a result holds may be the attacker's: it goes into no text that was not typed with it.
_LINK: Final = re.compile(r"/|[a-z0-9-]+\.[a-z]{2,}$", re.IGNORECASE)
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

    def names_rule(self, value: str) -> bool:
        """Do three characters together of a rule's name, which are not those of any, stand in what they typed, now or before?"""
        named = _OF_ANY.sub(" ", value)
        pieces = {
            one
            for at in range(len(named))
            if len(one := named[at : at + _PIECE]) == _PIECE and " " not in one
        }
        return any(
            one in text
            for one in pieces
            if WIDE.fullmatch(one[0])
            for text in (self.warrant.own, *self._before())
        )

    def in_their_words(self, note: str) -> str:
        """The clauses of a note that say what was typed; else why it is ordered, if that is more than what it is done to."""
        told = [one.strip() for one in CLAUSE.findall(note) if self.are_theirs(one)]
        reason = self.warrant.reason
        names = [one for kind, values in self.warrant.named.items() if kind != "rule" for one in values]
        is_object = _POINTED.search(reason) or any(_stands_in(one, reason) for one in names)
        return "，".join(told) or ("" if is_object else reason)

    def says_all(self, text: str) -> bool:
        """Is a question nearly in their words, of now or before? It only reads, and 推超时的 means alerts."""
        typed = "，".join((self.warrant.typed, *self._before()))
        near = share("".join(WIDE.findall(text)), typed, 1) >= _HALF
        return near and all(_stands_in(one, typed) for one in NAME.findall(text))

    def reminder(self, words: str) -> str:
        """Of a reminder that the asker alone reads, what is nearly in their words of now or before, of what they named or were shown
        (后面那个)."""
        before = [name for text in self._before() for one in read(text) for name in one.names]
        return self._basis(before).fitting(words, 1)

    def theirs(self, words: str, found: Iterable[str] = ()) -> str:
        """What of a text says what they typed in this turn, or what the order that waits says, in whatever words, of what stands there,
        was shown to them or ``found`` for them; "" if it is too little."""
        return self._basis(found).fitting(words, 2)

    def are_theirs(self, words: str) -> bool:
        """Does all of it say so?"""
        return self._basis(()).allows(words, 2)

    def _basis(self, found: Iterable[str]) -> Basis:
        waits = [str(self.order.get(name, "")) for name in ("text", "note", "task")]
        shown = (one for one in (*found, *self.fields) if not _LINK.search(one))
        known = {name_of(one) for one in (*shown, *self.focus)}
        known |= {f"e{one}" for one in known if one.isdigit()}
        return Basis(self.warrant.typed, waits, [*self._before()], frozenset(known), self.warrant.people)

    def _before(self) -> Iterator[str]:
        """What they typed before; a link or a code that was pasted is in no text."""
        return (one for one in self.earlier if not is_pasted(one))

    def is_one_piece(self, words: str) -> bool:
        """Does it stand as it is in what they typed in this turn?"""
        return _bare(words.removeprefix("提醒：")) in _bare(self.warrant.typed)

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
