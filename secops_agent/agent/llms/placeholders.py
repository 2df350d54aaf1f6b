"""Placeholders: secrets and personal data are taken out of what a model reads and put back into its answer. Pure; no Django.

The same value has the same placeholder in one conversation and another one elsewhere; without the key nobody can
guess it, so that text in evidence cannot have a value put in that it does not know.
"""

import hashlib
import hmac
import json
import re
from bisect import bisect, insort
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from bifang.channels.text.visible import visible

# Does something stand in an address? Nothing secret may be put there: who follows it would carry it away.

# What makes a word an address, or may: a scheme, a path of a host, a name with a dot, an entity that could be any of them.
_SIGN: Final = re.compile(
    r"//|\\\\|\]\(|\]:|\b(?:mailto|tel|sms|dtmd|dingtalk|javascript|data|ftp|file):|www|&#?\w{1,31};"
    r"|[\w-][.．。｡][a-z0-9-]|%[0-9a-f]{2}|@[\w-]",
    re.IGNORECASE | re.ASCII,
)
_URL: Final = re.compile(r"//|www\.|\]\(", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s")
_FENCE: Final = re.compile(r"^[ >]*(?:```|~~~)", re.MULTILINE)
_NEAR: Final = 2000  # characters; no address is longer
_PLACEHOLDER: Final = re.compile(r"\[\[[^\[\]\n]{1,30}\]\]")


def stands_in_address(text: str, start: int, end: int) -> bool:
    """Is ``text[start:end]`` part of a URL, a link's destination, a host's name, or code that holds one?"""
    # As it will be shown: what nobody sees divides no words then.
    before, behind = visible(text[max(0, start - _NEAR) : start]), visible(text[end : end + _NEAR])
    word = _PLACEHOLDER.sub("x", _word_around(before, behind))
    code = visible(_code_around(text, start, end))
    return bool(_SIGN.search(word) or _URL.search(code)) or _in_brackets(before)


def _word_around(before: str, behind: str) -> str:
    """What stands between spaces, with the place itself as an "x"."""
    head = _SPACE.split(before)[-1]
    tail = _SPACE.split(behind, maxsplit=1)[0]
    return f"{head}x{tail}"


def _code_around(text: str, start: int, end: int) -> str:
    """The code span or block that the place is in; "" outside of code."""
    if len(_FENCE.findall(text, 0, start)) % 2:
        block = _FENCE.search(text, end)
        opening = list(_FENCE.finditer(text, 0, start))[-1].end()
        return text[opening : block.start() if block else len(text)]
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if line.count("`") % 2 == 0:
        return ""
    closing = text.find("`", end)
    return line[line.rfind("`") :] + "x" + text[end : closing if closing >= 0 else end + _NEAR]


def _in_brackets(before: str) -> bool:
    """Behind an open destination or "<" of the same paragraph: a space does not end these."""
    paragraph = before.rpartition("\n\n")[2]
    destination = paragraph.rpartition("](")[2] if "](" in paragraph else ")"
    return paragraph.rfind("<") > paragraph.rfind(">") or destination.count("(") >= destination.count(")")


_WIDE: Final = str.maketrans(
    {0xFF01 + offset: chr(0x21 + offset) for offset in range(94)} | {"\u3000": " "}
)  # one character for one: positions stay
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
_WORD = r"(?<![A-Za-z0-9_])"
_VALUE = r"[\"'`「]?(?P<value>[^\s\"'`,;，；。、&<>「」(){}\[\]\\|]{%d,200})"


def is_identity_number(text: str) -> bool:
    """A resident identity number: 17 digits with a real birthday, and the right check digit (GB 11643)."""
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text[:17], strict=True))
    return _CHECK[total % 11] == text[17].upper()


def is_card_number(text: str) -> bool:
    """A bank card: the issuers in use here, and the Luhn digit."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = (d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits)))
    return len(digits) in (16, 17, 18, 19) and sum(doubled) % 10 == 0


def _always(_: str) -> bool:
    return True


Rule = tuple[str, "re.Pattern[str]", Callable[[str], bool]]


def _rule(
    label: str, pattern: str, check: Callable[[str], bool] = _always, flags: int = re.IGNORECASE
) -> Rule:
    return label, re.compile(pattern, flags), check


# In order: what an earlier rule took, a later one leaves alone. Every repetition is bounded, or never gives back
# what it took ("++"), so that the time grows with the text and no faster, whatever the text.
RULES: Final[tuple[Rule, ...]] = (
    _rule("私钥", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----)){1,16000}+(?:-----(?:END [A-Z0-9 ]{0,40}PRIVATE KEY-----|[^\r\n]{0,80}\Z))?"),
    _rule("Cookie", r"\b(?:set-)?cookie\b[\"']?\s*+[:=]\s*+[\"']?(?P<value>[^\r\n\"'\\]{4,4000})"),
    _rule("令牌", r"\bauthorization\b[\"']?\s*+[:=]\s*+[\"']?(?:(?:bearer|basic|token|digest)\b)?\s*+(?P<value>[^\s\"'\\,;]{6,4000})"),
    _rule("令牌", r"\bbearer\s++(?P<value>[a-z0-9._~+/=-]{8,4000})"),
    _rule("令牌", r"(?<![a-z0-9_-])eyJ[a-z0-9_-]{6,4000}+\.[a-z0-9_-]{6,16000}+(?:\.[a-z0-9_-]{0,4000}+)?"),
    _rule("密码", r"[a-z][a-z0-9+.-]{1,20}://[^/\s:@\"'\\]{0,100}:(?P<value>[^@/\s\"'\\]{1,200})(?=@)"),
    _rule("AK", _WORD + r"(?:LTAI[A-Za-z0-9]{12,30}|A(?:KIA|SIA)[0-9A-Z]{16}|AKID[A-Za-z0-9]{13,40})(?![A-Za-z0-9])", flags=0),
    _rule("令牌", _WORD + r"(?:sk-[a-z0-9_-]{16,}+|gh[pousr]_[a-z0-9]{20,}+|glpat-[\w-]{16,}+|xox[abprs]-[\w-]{10,}+)"),
    _rule("密钥", r"(?:access_?key_?secret|secret_?access_?key|secret_?key|app_?secret|client_?secret|api_?key|\bsk)[\"']?\s*+[:=：]\s*+" + _VALUE % 8),
    _rule("令牌", r"(?:access_?token|refresh_?token|session_?(?:id|key|token)|\btoken|\bticket|jsessionid|phpsessid)[\"']?\s*+[:=：]\s*+" + _VALUE % 6),
    _rule("密码", r"(?:password|passwd|\bpwd|passphrase)[\"']?\s*+(?:[:=：]|\bis\b)\s*+" + _VALUE % 3),
    _rule("密码", r"(?:密码|口令|密钥)(?:是|为)?\s*+[:=：]\s*+" + _VALUE % 3),
    _rule("密码", r"(?:密码|口令)(?:是|为)\s*+(?P<value>[\x21-\x7e]{4,100})"),
    _rule("身份证", r"(?<![0-9A-Za-z])[1-9]\d{5}(?:18|19|20)\d{9}[\dX](?![0-9A-Za-z])", is_identity_number),
    _rule("银行卡", r"(?<![\d.])(?:62|4\d|5[1-5]|35)\d{2}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?(?![\d.])", is_card_number),
    _rule("手机号", r"(?<![\dA-Za-z.])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\dA-Za-z]|\.\d)"),
)  # fmt: skip
LABELS: Final = tuple(dict.fromkeys(label for label, _, _ in RULES))
_MARK: Final = re.compile(rf"\[{{1,2}}(?P<label>{'|'.join(LABELS)})[-–—:：]?(?P<tag>[0-9a-f]{{10}})\]{{1,2}}")
_UNFINISHED: Final = re.compile(r"\[{1,2}[^\[\]\n]{0,24}$|\[$")


@lru_cache(maxsize=2048)
def find(text: str) -> tuple[tuple[int, int, str], ...]:
    """(start, end, label) of every secret, in order, without overlaps. A conversation is read again each turn."""
    plain = text.translate(_WIDE)
    taken: list[tuple[int, int, str]] = []
    for label, pattern, check in RULES:
        for match in pattern.finditer(plain):
            start, end = match.span("value") if "value" in pattern.groupindex else match.span()
            if (
                start < end
                and _is_free(taken, start, end)
                and check(plain[start:end])
                and not _MARK.search(plain[max(0, start - 2) : end + 2])
            ):
                insort(taken, (start, end, label))
    return tuple(taken)


def _is_free(taken: Sequence[tuple[int, int, str]], start: int, end: int) -> bool:
    place = bisect(taken, (start,))
    return (place == 0 or taken[place - 1][1] <= start) and (place == len(taken) or taken[place][0] >= end)


def mask(text: str) -> str:
    """For readers who may not see any of it: only the kind of what stood there."""
    return _replace(text, lambda label, value: f"（{label}已隐藏）")


def _replace(text: str, put: Callable[[str, str], str]) -> str:
    parts, at = [], 0
    for start, end, label in find(text):
        parts += [text[at:start], put(label, text[start:end])]
        at = end
    return "".join([*parts, text[at:]])


class Vault:
    """The placeholders of one conversation. ``key`` is secret and the conversation's own."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._values: dict[str, str] = {}

    def hide(self, text: str) -> str:
        """`text` with a placeholder for every secret."""
        return _replace(text, self._put)

    def _put(self, label: str, value: str) -> str:
        tag = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:10]
        self._values[tag] = value
        return f"[[{label}-{tag}]]"

    def reveal(self, text: str, *, unfinished: bool = False) -> str:
        """`text` with the values back in, but for those in an address: who follows it must not carry them away.

        ``unfinished``: more is to come, so a cut placeholder is held back.
        """
        whole = _UNFINISHED.sub("", text) if unfinished else text
        return _MARK.sub(lambda mark: self._shown(mark, whole), whole)

    def _shown(self, mark: "re.Match[str]", text: str) -> str:
        value = self._values.get(mark["tag"], mark[0])
        return value if not stands_in_address(text, *mark.span()) else f"（{mark['label']}已隐藏）"

    def reveal_json(self, text: str) -> str:
        """The same inside JSON: values are escaped as a string's content."""
        return _MARK.sub(lambda mark: self._escaped(mark), text)

    def _escaped(self, mark: "re.Match[str]") -> str:
        value = self._values.get(mark["tag"])
        return mark[0] if value is None else json.dumps(value, ensure_ascii=False)[1:-1]

    def withhold(self, text: str, *, unfinished: bool = False) -> str:
        """`text` for those who may not see the values: the kind instead of the placeholder."""
        whole = _UNFINISHED.sub("", text) if unfinished else text
        return mask(_MARK.sub(lambda mark: f"（{mark['label']}已隐藏）", whole))
