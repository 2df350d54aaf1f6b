"""Wordings: what a model writes in the asker's name, beside what the asker typed: in other words, with nothing added or turned."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bifang.channels.text.visible import visible

CLAUSE: Final = re.compile(r"[^，,。;；！!？?\n（）()]+")
BETWEEN: Final = re.compile(r"[\W_]+")
WIDE: Final = re.compile("[\u4e00-\u9fff]")
NAME: Final = re.compile(r"[a-z0-9][\w.:/-]*", re.ASCII | re.IGNORECASE)
# Pictures of blocks, line ends: what people do not see as it arrives.
STRANGE: Final = re.compile(
    r"""[^\w\s，。、；：！？,.;:!?…—「」“”‘’"'()（）《》/@#%&+=~_-]|[\r\n]|(?![0-9０-９])\d"""
)
_COURTEOUS: Final = re.compile(
    r"请您?|麻烦您?|谢谢|辛苦了?|[你您]好|抽空|看(?=一[下眼]|看)|一[下眼]|尽快|抓紧(?:处理)?|[你您他她]们?|[的了吧哈呢啊]"
)
_DENIED: Final = re.compile(
    r"(?:(?!(?<!\w)不对?(?!\w)|[没无]有?人\w{1,4}的)[不没勿未无莫]|非(?!常)|(?<![特分级类区个])别(?!忘|的)|禁止|停止|暂停|取消|拒绝)[要用能可得必会是有]*以?\s*"
)
_WHETHER: Final = re.compile("([\u4e00-\u9fff])[不没]\\1")  # 是不是, 关不关: nothing is said to be so
_ASKS: Final = re.compile("([\u4e00-\u9fff])[不没]\\1|是否|能否|[吗么呢?？]")
_HALF: Final = 0.5
_NEAR: Final = 8  # characters between a denial and what it is about
_SUPPOSED: Final = re.compile(
    "如果|要是|假如|倘若|万一|除非|一旦|等[^，,]{1,14}(?:再|就|才|后)|除了|以外|之外|只(?![是剩要差])|仅|(?:同意|批准|确认)(?:以|之)?后"
)
# Figures, and words of a letter or two that turn a text or ask for what nobody gives away: only as they were typed.
_FIGURE: Final = re.compile(
    "[零〇一二两俩三仨四五六七八九十百千万亿半]+(?![下声起些直样定])[\u4e00-\u9fff]|[今明昨后前]天|[上中下]午|今晚|明早|凌晨|月底|周末"
    "|解封|解除|放行|释放|开启|打开|启用|停用|恢复|回滚|同意|批准|真实|驳回|改回|密码|口令|验证码|令牌|密钥"
)


@dataclass(frozen=True, slots=True)
class Denial:
    """The ``name`` that stands near it, "" for none; the ``letter`` behind it (如 of a supposition); the letters ``around`` it."""

    name: str
    letter: str
    around: str

    def stands_in(self, clauses: Sequence["Clause"]) -> bool:
        """Is the same denied in one of these, of the same name or of none?"""
        others = (other for one in clauses for other in one.denials if other.letter == self.letter)
        return any(other.name == self.name or "" in (other.name, self.name) for other in others)

    def is_about(self, one: "Clause") -> bool:
        """Does a clause say something of what is denied?"""
        return self.name in one.names or _alike(one.letters, self.around)


@dataclass(frozen=True, slots=True)
class Clause:
    """Its ``letters``, of whatever script, with nothing between them; apart from them its ``names`` and figures and its ``denials``."""

    letters: str
    names: frozenset[str]
    denials: tuple["Denial", ...]


def read(text: str, people: Collection[str] = ()) -> list[Clause]:
    """Its clauses, courtesies set aside; one of courtesies alone is none. ``people``: names without a letter of ours."""
    clauses = (_read(part, people) for part in CLAUSE.findall(_plain(text)))
    return [one for one in clauses if one.letters or one.names]


def name_of(word: str) -> str:
    """As names are compared: file01 is File-01, and 297 is A297."""
    return re.sub(r"^a(?=\d+$)", "", BETWEEN.sub("", word.lower()))


def share(letters: str, typed: str, size: int) -> float:
    """How much of these letters stands in stretches of ``size`` letters that were typed, between 0 and 1."""
    size = min(size, len(letters))
    starts = range(len(letters) - size + 1) if size else ()
    there = {at + more for at in starts if letters[at : at + size] in typed for more in range(size)}
    return len(there) / len(letters) if letters else 1.0


@dataclass(frozen=True, slots=True)
class Basis:
    """What a text may say: what was ``typed`` in this turn, what waits and is ``changed`` by it, the letters that were typed
    ``earlier``; names that are ``known``; ``people``: names that have no letter of ours."""

    typed: str
    changed: Sequence[str]
    earlier: Sequence[str]
    known: frozenset[str]
    people: frozenset[str]

    def fitting(self, words: str, size: int) -> str:
        """The words without the clauses that say something else, and what stood in brackets of these; "" where less than half is left,
        or what is left is turned by it."""
        kept = CLAUSE.sub(lambda one: one[0] if self._bears(one[0], size) else "", words)
        kept = re.sub(r"[（(][\s，,、;；]*[）)]", "", kept)
        kept = re.sub(r"(?<=[（(])[，,;；\s]+|[，,;；\s]+(?=[）)])", "", kept)
        kept = re.sub(r"[，,;；]+(?=[，,。;；！!？?])|^[，,。;；！!？?\s]+", "", kept).rstrip("，,;；")
        whole = len(_letters_of(kept)) >= _HALF * len(_letters_of(words))
        return kept if whole and self.allows(kept, size) else ""

    def allows(self, words: str, size: int) -> bool:
        """Does each clause say, in whatever words, what stands in the basis? And is what was denied or supposed of the same still
        denied or supposed?"""
        if any(one in words and not _ASKS.search(words) for one in _WHETHER.findall(self.typed)):
            return False  # 关不关 says not that it is closed
        told, typed, changed, earlier = read(words, self.people), *self._read()
        replaced = [one for one in changed if any(_alike(one.letters, other.letters) for other in typed)]
        kept = (one for one in (*typed, *changed, *earlier) if one not in replaced)
        return bool(told) and self._bears(words, size) and all(_is_kept(one, told) for one in kept)

    def _read(self) -> Iterator[list[Clause]]:
        """What was typed, what it changes and what was typed before."""
        for texts in ([self.typed], self.changed, self.earlier):
            yield [one for text in texts for one in read(text, self.people)]

    def _bears(self, words: str, size: int) -> bool:
        """Half of the letters of each clause (`share` by this ``size``), and no other name, figure, denial or supposition."""
        typed, changed, earlier = self._read()
        letters = "，".join(one.letters for one in (*typed, *changed, *earlier))
        return not STRANGE.search(words) and all(
            share(one.letters, letters, size) >= _HALF
            and all(figure in letters for figure in _FIGURE.findall(one.letters))
            and self._names_the_same(one, typed, changed)
            and all(each.stands_in((*typed, *changed)) for each in one.denials)
            for one in read(words, self.people)
        )

    def _names_the_same(self, told: Clause, typed: Sequence[Clause], changed: Sequence[Clause]) -> bool:
        """Are all names known, and does none go over to what was said of another (web-01 关, web-02 在查)?"""
        beside = [one.names for one in (*typed, *changed) if _alike(one.letters, told.letters)]
        beside += [one.names for one in typed if changed]
        beside = [one for one in beside if _forms(one) & _forms(told.names)]
        apart = beside and all(_differs(told.names, one) for one in beside)
        return not apart and told.names <= self.known.union(*(one.names for one in (*typed, *changed)))


def _differs(names: frozenset[str], others: frozenset[str]) -> bool:
    """Has each a name that the other has not, of the same form (A12 and A13, not A12 and 1h; key may be an AccessKey)?"""
    return not _forms(_beyond(names, others)).isdisjoint(_forms(_beyond(others, names)))


def _beyond(names: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    within = {name for name in names for one in others if name.isalpha() and (name in one or one in name)}
    return names - others - within


def _forms(names: frozenset[str]) -> set[str]:
    return {re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", one)) for one in names}


def _is_kept(typed: Clause, told: Sequence[Clause]) -> bool:
    return all(one.stands_in(told) for one in typed.denials if any(map(one.is_about, told)))


def _alike(one: str, other: str) -> bool:
    """Have they two letters together in common?"""
    return any(one[at : at + 2] in other for at in range(len(one) - 1))


def _read(clause: str, people: Collection[str]) -> Clause:
    called = "|".join(re.escape(one) for one in people if one in clause)
    name = re.compile(f"{called}|{NAME.pattern}" if called else NAME.pattern, NAME.flags)
    names = [(match.start(), match.end(), name_of(match[0])) for match in name.finditer(clause)]
    letters = _letters_of(name.sub("", clause))
    return Clause(letters, frozenset(name for *_, name in names), tuple(_denials(clause, names)))


def _letters_of(text: str) -> str:
    return BETWEEN.sub("", _COURTEOUS.sub("", _DENIED.sub("", text)))


def _denials(clause: str, names: Sequence[tuple[int, int, str]]) -> Iterator[Denial]:
    for mark, near in ((_DENIED, _NEAR), (_SUPPOSED, 2 * _NEAR)):
        for match in mark.finditer(clause):
            apart = ((max(start - match.end(), match.start() - end), name) for start, end, name in names)
            behind = WIDE.search(clause, match.end())
            letter = "如" if mark is _SUPPOSED else behind[0] if behind else ""
            around = _letters_of(clause[max(match.start() - near, 0) : match.end() + near])
            yield Denial(min((one for one in apart if one[0] <= near), default=(0, ""))[1], letter, around)


def _plain(text: str) -> str:
    return _WHETHER.sub(r"\1", unicodedata.normalize("NFKC", visible(text)).lower())
