"""The names of the company that a sentence may hold, frozen for one turn."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from secops_agent.llm.offline.expressions.normalization import simplify
from secops_agent.llm.offline.pinyin import spelled
from secops_agent.llm.offline.words import load, wordset

_LONGEST_NAME: Final = 3  # characters of a name that is heard
_LONG: Final = 24  # characters of a name that is no machine's
_SLIP_FROM: Final = 7  # characters of a name that one wrong letter is forgiven in
_TYPED: Final = re.compile(r"(?<![\w.-])[a-z][a-z0-9]{5,}(?![\w.-])", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Keys are lower case and in simplified characters, values are the names as people write them.

    ``assets``: every name and address → canonical name. ``people``: every name, nick and staff id → the form handed
    to the tools. ``keywords``: alert rules, sources and other words that filter alerts. ``chinese_assets``: names
    that hold Chinese have no word boundaries, so they are found by their first two characters, longest first.
    ``squeezed``: names without what people leave out (web-01 → web1) → the one name; ``parts``: what stands between the
    dashes of a name → the one name that has it; ``numbered``: the beginning of such a part with the name's number → the one
    name (pay3: pay-gateway-3); ``spellings``: the first two letters and the number of a squeezed name → those names; ``families``: such a part, or a beginning, that several have → pay-gateway*, *node*; ``called``: the
    first and the last character of a name → the one person (李, 四). ``sounds``: how a Chinese name sounds → the one person. ``rules``: the first two characters of every
    part of an alert rule → those parts, squeezed and as written; ``spelled``: a rule's whole name squeezed → as written.
    ``english``: the same of the English words that alerts are looked for by; ``findings``: rules of findings, as they are written; ``flaws``: the last number of a vulnerability → the one that has it.
    Lookups are by hash, so that 50,000 assets cost as much as five.
    """

    assets: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    keywords: frozenset[str] = frozenset()
    chinese_assets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    squeezed: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    numbered: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    english: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)
    flaws: Mapping[str, str] = field(default_factory=dict)
    sounds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        *,
        assets: Iterable[tuple[str, Iterable[str]]] = (),
        people: Iterable[tuple[str, str, str]] = (),
        keywords: Iterable[str] = (),
        findings: Iterable[str] = (),
        flaws: Mapping[str, str] | None = None,
    ) -> "Lexicon":
        """From (name, its addresses and aliases) of assets and (staff id, name, nick) of people."""
        given, known, rules = list(assets), list(people), tuple(keywords)
        names = _index_assets(given)
        names = (
            _unique(
                (name.lower().partition("/")[2], name)
                for name, _ in given
                if "/" in name and "://" not in name
            )
            | names
        )
        words = frozenset(word.lower() for word in rules if word.strip())
        return cls(
            names,
            _index_people(known),
            words,
            _index_chinese(names),
            _unique((squeeze(name), name) for name, _ in given),
            _unique((part, name) for name, _ in given for part in _parts(name)),
            _unique((key, name) for name, _ in given for key in _numbered(name)),
            _index_spellings(name for name, _ in given),
            _families(name for name, _ in given),
            _index_called(known),
            _index_rules(rules),
            {_whole(rule): rule for rule in rules if len(rule) > 3 or not rule.isascii()},
            _index_spellings({*_TYPED.findall(" ".join(words)), *_english()}),
            {rule.lower(): rule for rule in findings},
            flaws or {},
            _index_sounds(known),
        )

    def with_people(self, people: Sequence[tuple[str, str, str]]) -> "Lexicon":
        """The same of other people."""
        return replace(
            self, people=_index_people(people), called=_index_called(people), sounds=_index_sounds(people)
        )

    def asset(self, text: str) -> str:
        """The canonical name of an asset's name or address, or an empty string."""
        return self.assets.get(text.lower(), "")

    def guess(self, text: str) -> str:
        """The one asset that a slip, a short form (web01, pay3) or one wrong letter (pay-gatway-3) can only mean; "" for none."""
        key = squeeze(text)
        if name := self.squeezed.get(key) or self.numbered.get(key):
            return name
        near = {name for other, name in self.spellings.get(_place(key), ()) if _is_one_slip(key, other)}
        return near.pop() if len(near) == 1 and len(key) >= _SLIP_FROM else ""

    def respell(self, text: str) -> str:
        """With the words that alerts are looked for by in the place of their English slips: webshel is webshell, phising 钓鱼."""
        return _TYPED.sub(lambda match: self._meant(match[0]), text)

    def _meant(self, typed: str) -> str:
        word, known = typed.lower(), wordset("keywords.common_english")
        near = {one for key, one in self.english.get(_place(word), ()) if _is_one_slip(word, key)}
        meant = near.pop() if len(near) == 1 and word not in known else word
        return str(load("keywords")["synonyms"].get(meant, typed if meant == word else meant))

    def sibling(self, name: str, number: str) -> str:
        """The asset of the same name with another number: web-02 beside web-01; "" for none."""
        ends = re.search(r"\d+$", name)
        return self.asset(f"{name[: ends.start()]}{number.zfill(len(ends.group()))}") if ends else ""

    def rule_in(self, text: str, part: str) -> str:
        """The longest rule of those with this ``part`` that stands in the text as it is named; "" for none."""
        said = _whole(text)
        return max((rule for rule in self.rules_named(part) if _whole(rule) in said), key=len, default="")

    def rules_named(self, said: str) -> list[str]:
        """The rules that have these words in their names; one that ends with them stands for all."""
        key, alone = _whole(said), re.compile(rf"(?<![a-z]){re.escape(said)}(?![a-z])", re.IGNORECASE)
        if len(key) < 2:
            return []
        found = [
            rule
            for whole, rule in self.spelled.items()
            if key in whole and (len(key) > 3 or not key.isascii() or alone.search(rule))
        ]
        return sorted(rule for rule in found if _whole(rule).endswith(key)) or sorted(found)


@cache
def _english() -> frozenset[str]:
    known = {*wordset("keywords.attacks"), *wordset("keywords.products"), *load("keywords")["synonyms"]}
    return frozenset(word for word in known if _TYPED.fullmatch(word))


def _whole(rule: str) -> str:
    return squeeze(rule.replace("：", ":"))


def squeeze(name: str) -> str:
    """web-01, Web 01 and web1 are one."""
    return re.sub(r"[\s_.:/-]+|0+(?=[1-9])(?<!\d0)", "", name.lower())


def _parts(name: str) -> list[str]:
    """Between the dashes; of 支付系统 what stands before 系统."""
    parts = [*re.split(r"[-_.]", name.lower()), _GENERIC.sub("", name)]
    return [
        part for part in dict.fromkeys(parts) if len(part) > 1 and not part.isdecimal() and len(name) < _LONG
    ]


def _numbered(name: str) -> set[str]:
    """pay3, gate3 and gateway3 of pay-gateway-3: of each part what it begins with, at least two letters, and the number."""
    found = re.fullmatch(r"([a-z][a-z0-9_.-]*?)[-_.]?0*(\d{1,4})", name.lower())
    if not found or len(name) >= _LONG:
        return set()
    parts = [part for part in re.split(r"[-_.]", found[1]) if part.isalpha()]
    return {f"{part[:size]}{found[2]}" for part in parts for size in range(min(2, len(part)), len(part) + 1)}


def _place(key: str) -> str:
    return key[:2] + (re.search(r"\d*$", key) or "")[0]


def _index_spellings(names: Iterable[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    index: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        key = squeeze(name)
        if len(name) < _LONG and len(key) >= _SLIP_FROM - 1:
            index.setdefault(_place(key), []).append((key, name))
    return {place: tuple(found) for place, found in index.items()}


def _is_one_slip(said: str, name: str) -> bool:
    """One letter more, fewer, other, or two changed places."""
    start = next(
        (i for i, (a, b) in enumerate(zip(said, name, strict=False)) if a != b), min(len(said), len(name))
    )
    a, b = said[start:], name[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _families(names: Iterable[str]) -> dict[str, str]:
    """The beginnings that several names have, up to a dash, and the parts that stand within several."""
    begun, within = Counter[str](), Counter[str]()
    for name in names:
        dashed = name.lower().split("-") if len(name) < _LONG and name.isascii() else []
        begun.update("-".join(dashed[:size]) for size in range(1, len(dashed)))
        within.update(part for part in dashed[1:] if len(part) > 1 and not part.isdecimal())
    found = {part: f"*{part}*" for part, many in within.items() if many > 1}
    return found | {start: f"{start}*" for start, many in begun.items() if many > 1 and len(start) > 1}


_GENERIC = re.compile("(?:系统|平台|应用|网站|服务|中心|商城|门户)$")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What names one thing only."""
    found: dict[str, str] = {}
    twice = set[str]()
    for key, name in pairs:
        if found.setdefault(key, name) != name:
            twice.add(key)
    return {key: name for key, name in found.items() if key not in twice}


def _index_rules(rules: Iterable[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The beginnings of a rule's words: SQL 注入攻击 is found by sql注入 and by 注入攻击."""
    index: dict[str, set[tuple[str, str]]] = {}
    for rule in rules:
        for part in re.split(r"[：:，,、()（）]", rule):
            for start in re.finditer(r"(?<![A-Za-z0-9])[A-Za-z0-9]|[一-鿿]", part):
                tail = part[start.start() :].strip()
                key = squeeze(tail)
                if len(key) > 1:
                    index.setdefault(key[:2], set()).add((key, tail))
    return {key: tuple(sorted(found)) for key, found in index.items()}


def _index_assets(assets: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    named = [(name, tuple(filter(None, aliases))) for name, aliases in assets]
    index = {_canonical(alias): name for name, aliases in reversed(named) for alias in reversed(aliases)}
    return index | {simplify(name.lower()): name for name, _ in named}


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return simplify(text.lower())


def _index_people(people: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    index: dict[str, str] = {}
    for staff_id, name, nick in people:
        for key in filter(None, (staff_id, name, nick)):
            index.setdefault(simplify(key.lower()), staff_id if key == staff_id else name or staff_id)
    return index


def _index_called(people: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    return _unique((char, name) for _, name, _ in people for char in {name[:1], name[-1:]} if char)


def _index_sounds(people: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    named = (name for _, name, _ in people if 2 <= len(name) <= _LONGEST_NAME and not name.isascii())
    return _unique((spelled(name)[0], name) for name in named)


def _index_chinese(names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        if any("一" <= char <= "鿿" for char in name):
            index.setdefault(name[:2], []).append(name)
    return {key: tuple(found) for key, found in index.items()}
