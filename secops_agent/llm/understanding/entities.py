"""What a sentence names: exact names as `offline.entities` reads them, and slips, codes, nicknames and references as people write.

Marked in one skeleton, in any position. What is not written exactly is not ``exact``: it is looked up and shown, never acted on.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from secops_agent.llm.offline.expressions.entities import is_private, read_entities
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Skeleton, mark
from secops_agent.llm.offline.filters import take_filters
from secops_agent.llm.offline.keywords import find_known
from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.offline.words import expression, load, pattern, wordset

HOSTS = (Kind.ASSET, Kind.ASSET_IP)
INDICATORS = (Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH)
OWN = (*HOSTS, Kind.HOST, *INDICATORS, Kind.CVE, Kind.ALERT, Kind.ALERTS, Kind.PERSON, Kind.SCHEDULE, Kind.CASE, Kind.TECHNIQUE, Kind.NETWORK, Kind.OBSERVABLE, Kind.FINDING)  # fmt: skip
_NUMBER = re.compile(r"\d+|[零一二两三四五六七八九十百千]+")
_LISTED = re.compile(
    rf"(?<={ANY_MARK.pattern})\s*(?:[、,，/&]|和|与|及|跟|以及|还有)\s*(?={ANY_MARK.pattern})(?!.先?(?:别|不|莫))"
)  # A12、A15 are one clause; A12，A15先不动 are two
_RANGE = re.compile(
    rf"(?:(?P<first>{mark(Kind.ALERT)})|(?<![\w./@:-])A\s?(?P<low>\d{{1,9}}))\s*(?:到|至|[-~])+\s*"
    rf"(?:(?P<last>{mark(Kind.ALERT)})|A?\s?(?P<high>\d{{1,9}})(?![\w.:%-]))",
    re.IGNORECASE | re.ASCII,
)
_TO = re.compile(r"(?:到|至|[-~])\s*(?:告警|报警)?\s*[#A]?$")
_MOST_OF_RANGE = 20
_MACHINES = ("机", "服务器")
_SOFTWARE = (
    "noun.vuln",
    "ask.installed",
    "ask.list",
    "ask.howto",
    "ask.define",
    "named",
)  # beside these an English word is what is looked for, no host


@dataclass(frozen=True, eq=False)
class Sentence:
    """One sentence with what it names. ``order``: the skeleton that verbs are read in; ``plain``: as it was typed, normalised."""

    plain: str
    order: Skeleton
    lexicon: Lexicon
    now: datetime
    asker: str = ""
    said: str = ""  # with the greetings and forms of address around it

    @cached_property
    def question(self) -> Skeleton:
        """With levels, states and numbers of rows marked too, and slips in English words put right."""
        text = self.order.text.rstrip("?？ ,，") or self.order.text
        for char, one in self.order.entities.items():
            text = text.replace(char, one.raw) if one.kind is Kind.REF else text  # 那个洞 is still a 洞
        return take_filters(Skeleton(self.lexicon.respell(text), dict(self.order.entities)))

    @cached_property
    def keyword(self) -> str:
        """A rule, an attack or a product that alerts are looked for by, as the data writes it."""
        text = self.question.text
        for name in (
            "filters.in_lists",
            "filters.roles",
            "filters.kev_only",
            "filters.late_findings",
            "keywords.purpose",
        ):
            text = pattern(name).sub(" ", text)
        text = usual(text)
        rule, known = find_rule(text, self.lexicon), find_known(text, self.lexicon.keywords)
        whole = self.lexicon.rule_in(self.plain, rule or known)
        if whole and len(whole) >= max(len(rule), len(known)):
            return whole
        return rule if len(rule) > 2 or not known else known

    @property
    def narrowing(self) -> list[str]:
        """Levels, states and past times, as they were typed: what no silence can be narrowed by."""
        ends = set(re.findall(rf"[到至]\s*({mark(Kind.TIME)})", self.order.text))
        times = [
            one for char, one in self.order.entities.items() if one.kind is Kind.TIME and char not in ends
        ]
        past = [one for one in times if one.raw.strip()[0] not in "今本现明后"]
        return [one.raw.strip() for one in (*self.question.found(Kind.SEVERITY, Kind.STATUS), *past)]

    def first(self, *kinds: Kind) -> MaskedName | None:
        """The first of these kinds."""
        return self.order.first(*kinds)

    def found(self, *kinds: Kind) -> list[MaskedName]:
        """All of these kinds, each once."""
        return list({one.value: one for one in reversed(self.order.found(*kinds))}.values())[::-1]

    @property
    def numbers(self) -> list[int]:
        """Of alerts, whether written as one or as a bare number."""
        return numbers_of(self.order)


def usual(text: str) -> str:
    """With the words that rules are written in: 爆破 is 暴力破解."""
    for word, written in load("keywords")["synonyms"].items():
        text = text.replace(word, written)
    return text


def numbers_of(skeleton: Skeleton) -> list[int]:
    """The alerts of a text in its order: A12, 告警 12 和 15, and bare numbers."""
    found: list[int] = []
    for one in skeleton.found(Kind.ALERT, Kind.ALERTS, Kind.NUMBER):
        found += _listed(one.raw) if one.kind is Kind.ALERTS else [int(one.value)]
    return list(dict.fromkeys(found))


def _listed(text: str) -> list[int]:
    """告警 12 和 15; 告警 280 到 284 with what lies between."""
    found: list[int] = []
    for match in _NUMBER.finditer(text):
        number = read_integer(match[0]) or 0
        is_end = found and _TO.search(text, 0, match.start()) and number - found[-1] in range(_MOST_OF_RANGE)
        found += range(found[-1] + 1, number + 1) if is_end else [number] * bool(number)
    return found


@lru_cache(maxsize=64)
def read_sentence(plain: str, lexicon: Lexicon, now: datetime, asker: str = "", said: str = "") -> Sentence:
    """Of a normalised sentence; ``said``: with what stands around it. What a turn lets a model do, which tools are nearest
    and what is answered without one read the same sentence at the same moment, once: nobody changes its skeleton."""
    skeleton = read_entities(plain, lexicon, now)
    skeleton.take(Kind.CASE, pattern("names.case"), _number)
    skeleton.take(Kind.CASE, pattern("names.spoken_case"), _number, exact=False)
    skeleton.take(Kind.TECHNIQUE, pattern("names.technique"), lambda m: f"T{m['n']}")
    skeleton.take(Kind.ALERT, pattern("names.code"), _number)
    _take_findings(skeleton, lexicon)
    for spoken in ("numbered", "spoken"):
        skeleton.take(Kind.ALERT, pattern(f"names.{spoken}"), _number, exact=False)
    _take_ranges(skeleton)
    _take_slips(skeleton, lexicon)
    for char, one in list(skeleton.entities.items()):
        if one.kind is Kind.IP and is_private(one.value):
            skeleton.put(MaskedName(Kind.ASSET_IP, one.raw, one.value, exact=False), instead_of=char)
    skeleton.take(
        Kind.PERSON,
        pattern("names.person"),
        lambda m: lexicon.called.get(m["a"] or m["b"] or ""),
        exact=False,
    )
    skeleton.text = re.sub(
        f"(?<={ANY_MARK.pattern}){expression('names', 'pointing')}", "", skeleton.text, flags=re.IGNORECASE
    )
    skeleton.take(Kind.ROW, pattern("names.row"), _rows, exact=False)
    skeleton.take(
        Kind.REF,
        re.compile(expression("names", "reference"), re.IGNORECASE | re.ASCII),
        lambda m: m.lastgroup,
        exact=False,
    )
    return Sentence(plain, skeleton, lexicon, now, asker, said)


def _take_findings(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """F12, redis-noauth, and a bare 46604 or 四六六零四 that only one vulnerability ends with."""
    skeleton.take(Kind.FINDING, pattern("names.finding"), lambda m: f"F{m['n'] or m['n2']}")
    skeleton.take(Kind.FINDING, pattern("names.finding_rule"), lambda m: lexicon.findings.get(m[0].lower()))
    skeleton.take(
        Kind.CVE,
        pattern("names.end_of_cve"),
        lambda m: lexicon.flaws.get(m[0]) or lexicon.flaws.get(str(read_integer(m[0]))),
        exact=False,
    )


def take_verdicts_and_numbers(skeleton: Skeleton, *, listed: bool = True) -> Skeleton:
    """A further skeleton of an order: verdicts and bare numbers marked as well; ``listed``: A12、A15 become one clause."""
    marked = Skeleton(skeleton.text, dict(skeleton.entities))
    marked.take(Kind.VERDICT, pattern("cues.verdict"), lambda m: m.lastgroup)
    marked.take(Kind.NUMBER, pattern("names.bare"), _number, exact=False)
    marked.text = _LISTED.sub(" ", marked.text) if listed else marked.text
    return marked


def _number(match: re.Match[str]) -> int | None:
    said = next((value for name, value in match.groupdict().items() if value and name.startswith("n")), "")
    return read_integer(said) or None


def _take_ranges(skeleton: Skeleton) -> None:
    """A280到A284 names what lies between them, too."""
    while found := _RANGE.search(skeleton.text):
        first, last = (skeleton.entities.get(found[end] or "") for end in ("first", "last"))
        low, high = int(first.value if first else found["low"]), int(last.value if last else found["high"])
        if not low < high < low + _MOST_OF_RANGE:
            return
        names = [MaskedName(Kind.ALERT, f"A{number}", number, exact=False) for number in range(low, high + 1)]
        marks = [skeleton.add(name) for name in names]
        skeleton.text = skeleton.text.replace(found[0], f" {' '.join(marks)} ")


def _rows(match: re.Match[str]) -> tuple[int, ...] | None:
    """Places in a list, from 0; -1 is the last."""
    if match["last"]:
        return tuple(range(-(read_integer(match["tail"] or "") or 1), 0))
    if match["back"]:
        return (-(read_integer(match["back"]) or 1),)
    if match["to"]:
        return tuple(range((read_integer(match["n"]) or 1) - 1, read_integer(match["m"]) or 1))
    return tuple((read_integer(match[name]) or 1) - 1 for name in ("n", "m") if match[name])


def _take_slips(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """web01, web 01: what can only be one of ours."""

    def asset(match: re.Match[str]) -> str | None:
        return lexicon.guess(match[0]) or None

    skeleton.take(Kind.ASSET, pattern("entities.host"), asset, exact=False)
    unknown = {char: one for char, one in skeleton.entities.items() if one.kind is Kind.HOST}
    for char, one in unknown.items():
        if name := lexicon.guess(one.raw):
            del skeleton.entities[char]
            skeleton.put(MaskedName(Kind.ASSET, one.raw, name, exact=False), instead_of=char)
    skeleton.take(
        Kind.ASSET,
        pattern("names.asset_text"),
        lambda m: asset(m) if re.search(r"\d", m[0]) else None,
        exact=False,
    )
    _take_families(skeleton, lexicon)
    _take_nicknames(skeleton, lexicon)
    _take_siblings(skeleton, lexicon)


def _take_families(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """k8s 三个节点, pay-gateway 那三台, web 开头的: all whose names begin so, as pay-gateway*; a word alone where alerts are spoken of."""
    for char, one in list(skeleton.entities.items()):
        if one.kind is Kind.HOST and (name := lexicon.families.get(one.raw.lower())):
            skeleton.put(MaskedName(Kind.ASSET, one.raw, name, exact=False), instead_of=char)
    words, roles = load("names")["host_words"], load("names")["role_words"]
    spoken = rf"(?<![\w.@:/*-])\*?[a-z][a-z0-9]*(?:-[a-z0-9]+)*\*?(?![\w@.-])|{'|'.join(words)}"
    named = re.compile(
        rf"(?P<word>{spoken})(?!\s?{expression('names', 'no_family')})(?P<tail>{expression('names', 'family_tail')})?",
        re.IGNORECASE | re.ASCII,
    )
    alerts = pattern("cues.noun.alert").search(skeleton.text)

    def family(match: re.Match[str]) -> str | None:
        said, tail = match["word"].lower(), match["tail"] or ""
        word = words.get(said, said.strip("*"))
        role = next((name for role, name in roles.items() if role in tail), "")
        found = lexicon.families.get(f"{word}-{role}") or lexicon.families.get(word)
        clear = tail or "*" in said or (said not in words and (alerts or re.search(r"[\d-]", said)))
        return found if clear else None

    skeleton.take(Kind.ASSET, named, family, exact=False)


def _take_nicknames(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """wiki 那台, 财务那台, 支付那边, 跳板机."""
    words = load("names")["host_words"]
    named_already = {one.value for one in skeleton.found(*HOSTS)}
    spoken = "|".join([*words, r"(?<![\w.@:/-])[a-z][a-z0-9]{1,12}(?![\w@.-])"])
    named = re.compile(
        rf"(?P<word>{spoken})(?P<that>{expression('names', 'that')})?", re.IGNORECASE | re.ASCII
    )

    def nickname(match: re.Match[str]) -> str | None:
        word = match["word"].lower()
        if match.string[: match.start()].rstrip().endswith(("叫", "~")):  # 叫 node 的服务器: a part of names
            return None
        head, tail = match.string[: match.start()], match.string[match.end() :]
        english = re.search("[A-Za-z]\\s+$", head) or re.match("\\s+[A-Za-z]", tail)  # File upload
        found = lexicon.parts.get(words.get(word, word))
        if word.endswith(
            _MACHINES
        ):  # 跳板机 alone, unless a source is called so, or its name stands beside it
            return found if word not in lexicon.keywords and found not in named_already else None
        if not match["that"] and (
            word in words or english or any(pattern(f"cues.{cue}").search(skeleton.text) for cue in _SOFTWARE)
        ):
            return None
        return found

    skeleton.take(Kind.ASSET, named, nickname, exact=False)
    for size in (4, 3, 2):  # 支付那边: no other Chinese word says where it begins
        part = re.compile(rf"[一-鿿]{{{size}}}(?={expression('names', 'there')})")
        skeleton.take(Kind.ASSET, part, lambda m: lexicon.parts.get(m[0]), exact=False)


def _take_siblings(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """web01 02 03: what follows a host and is the number of another one of the same name."""
    number = re.compile(
        rf"(?P<one>{mark(Kind.ASSET)})(?P<more>(?:\s*[、,，/&和跟]\s*|\s+)(?P<n>\d{{1,3}}))(?![A-Za-z0-9_.:%])(?!\s*{expression('names', 'unit')})"
    )
    while found := number.search(skeleton.text):
        name = lexicon.sibling(str(skeleton.entities[found["one"]].value), found["n"])
        if not name:
            return
        skeleton.put(MaskedName(Kind.ASSET, found["n"], name, exact=False), instead_of=found["more"])


def find_rule(text: str, lexicon: Lexicon) -> str:
    """The longest piece of an alert rule's name that stands in the text, as the rule writes it: CC攻击 is "CC 攻击"."""
    chars = [(char.lower(), i) for i, char in enumerate(text) if not char.isspace()]
    said = "".join(char for char, _ in chars)
    best, length = "", 0
    for at in range(len(said) - 1):
        for key, tail in lexicon.rules.get(said[at : at + 2], ()):
            size = _common(said, at, key)
            place = chars[at][1]
            inside = said[at].isascii() and re.search(r"[A-Za-z0-9]$", text[:place])
            if size > length and not inside:
                piece = _written(tail, size)
                if _tells(piece, tail):
                    best, length = piece, size
    return best


def _common(said: str, at: int, key: str) -> int:
    size = 0
    while size < len(key) and at + size < len(said) and key[size] == said[at + size]:
        size += 1
    return size


def _written(tail: str, size: int) -> str:
    """So many characters of the rule, spaces not counted; no English word is cut."""
    at = 0
    while size and at < len(tail):
        size -= not re.match(r"[\s_.:/-]", tail[at])
        at += 1
    if at < len(tail) and tail[at].isascii() and tail[at].isalnum() and tail[at - 1].isascii():
        return ""
    return tail[:at].strip()


def _tells(piece: str, tail: str) -> bool:
    """Two characters say something only at the end of a word or as a known attack; 登录, 异常, 文件 alone are nobody's rule."""
    plain = piece.lower()
    if len(plain) < 2 or plain in wordset("keywords.no_names") or plain in wordset("keywords.common_english"):
        return False
    if re.match(r"[A-Z]{2,}(?![a-z])", piece):  # SSH, CC
        return True
    return (
        len(plain) > 2
        or plain == tail.lower()
        or plain in wordset("keywords.attacks")
        or plain in wordset("keywords.products")
    )


def is_marked(text: str) -> bool:
    """Does a mark stand in it?"""
    return ANY_MARK.search(text) is not None
