"""Observables in free text: addresses, domains, URLs and hashes, defanged ones too (1.2.3[.]4, hxxp://). No Django.

Reading is conservative: not every dotted word is a domain. File names, versions and names of code are left out, and a
name under an ending that is also an ending of files (.py, .sh, .zip) counts only where it has three labels, was defanged,
or stands in a URL. People's accounts and mail addresses are not read.
"""

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from secops_agent.services.records.indicators import LONGEST

MentionKind = Literal["ip", "domain", "url", "hash"]
Mention = tuple[MentionKind, str]
READ: Final = 4096  # characters of a text
MOST: Final = 20  # of one alert
_SURE: Final = "\ue000"  # stands for a dot that was defanged: whoever does that means an observable
_D: Final = rf"[.{_SURE}]"
_DOTS: Final = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\bh(?:xx|tt)p(s?)(?:\[:\]//|\[://\]|://)", re.IGNORECASE)
ADDRESS: Final = re.compile(
    rf"(?<![\w.{_SURE}-])(?:(?:\d{{1,3}}{_D}){{3}}\d{{1,3}}(?!{_D}?\w|-\w|/\d{{1,2}}(?!\d)|:\w*:)"
    r"|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:]))",
    re.ASCII,
)
URL: Final = re.compile(r"(?:https?|ftp)://[^\s\"'<>\[\]，。；、）)】」》]+")
DIGEST: Final = re.compile(
    r"(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![0-9a-zA-Z])"
)
_NAME: Final = re.compile(
    rf"(?<![\w@.{_SURE}/\\-])(?:[a-z0-9_](?:[a-z0-9_-]{{0,61}}[a-z0-9])?{_D}){{1,8}}[a-z][a-z0-9-]{{1,62}}(?![\w@\\(-]|{_D}\w)",
    re.ASCII | re.IGNORECASE,
)
_VERSION: Final = re.compile(r"(?:版本号?|version|ver\.?|v)[\s:：=]*$", re.IGNORECASE)
_ORDINARY: Final = frozenset({
    "com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "top", "xyz", "club", "online", "site", "shop", "vip", "icu", "win",
    "bid", "loan", "work", "store", "tech", "cloud", "link", "click", "live", "space", "website", "fun", "press", "host", "pro", "mobi",
    "asia", "wang", "ink", "ren", "love", "red", "pub", "group", "ltd", "company", "email", "network", "digital", "world", "today", "news",
    "onion", "local", "lan", "internal", "intranet", "corp", "example", "test", "cn", "hk", "tw", "mo", "jp", "kr", "us", "uk", "de", "fr",
    "ru", "nl", "eu", "ca", "au", "br", "it", "es", "se", "ch", "at", "be", "dk", "fi", "gr", "hu", "ie", "lt", "lv", "mx", "nz", "pt", "ro",
    "sg", "sk", "th", "tr", "ua", "vn", "za", "il", "ir", "kz", "cz", "by", "ee", "bg", "hr", "cl", "co", "cc", "tv", "me", "ws", "su", "tk",
    "ml", "ga", "cf", "gq", "la", "kp", "ph", "my",
})  # fmt: skip
# Endings of files and of code as well.
_DOUBTFUL: Final = frozenset({
    "sh", "py", "pl", "rs", "so", "md", "ps", "pm", "cc", "zip", "mov", "app", "dev", "run", "io", "ai", "in", "id", "is", "name", "to",
    "do", "no", "ac", "st", "tv", "it", "me", "my",
})  # fmt: skip
_PACKAGES: Final = frozenset(
    ["com", "org", "net", "edu", "gov", "io", "java", "javax", "sun", "cn", "system"]
)  # first in names of code
_PRODUCTS: Final = frozenset({"asp.net", "vb.net", "ado.net", "java.net", "system.net"})


def mentions(*texts: str) -> tuple[Mention, ...]:
    """What the texts name, each once and in order, as it is stored; at most `MOST`."""
    found = dict.fromkeys(each for text in texts for each in _read(text[:READ]))
    return tuple(found)[:MOST]


def _read(text: str) -> Iterator[Mention]:
    plain = _SCHEME.sub(lambda match: f"http{match[1].lower()}://", _DOTS.sub(_SURE, text))
    for match in URL.finditer(plain):
        yield from _url(match.group())
    rest = URL.sub(" ", plain)
    for match in ADDRESS.finditer(rest):
        address = _address(match.group())
        if address and not _VERSION.search(rest[max(0, match.start() - 12) : match.start()]):
            yield "ip", address
    yield from (
        ("hash", match.group().lower()) for match in DIGEST.finditer(rest) if _is_digest(match.group())
    )
    yield from (
        ("domain", _plain(match.group()).lower())
        for match in _NAME.finditer(rest)
        if _is_domain(match.group())
    )


def _plain(text: str) -> str:
    return text.replace(_SURE, ".")


def _url(text: str) -> Iterator[Mention]:
    """The URL, unless it holds a name and a password, and its host."""
    whole = _plain(text).rstrip(".,;:!?")
    named = re.split(r"[/?#]", whole.split("://", 1)[1], maxsplit=1)[0]
    if "@" not in named and len(whole) <= LONGEST:
        yield "url", whole
    host = re.sub(r":\d*$", "", named.rpartition("@")[2])
    if address := _address(host):
        yield "ip", address
    elif _NAME.fullmatch(host):
        yield "domain", host.lower()


@lru_cache(maxsize=8192)
def _address(text: str) -> str:
    """As it is stored; "" for what is none, or no place on any network."""
    try:
        found = ipaddress.ip_address(_plain(text))
    except ValueError:
        return ""
    return "" if found.is_loopback or found.is_unspecified or found.is_multicast else str(found)


def _is_digest(text: str) -> bool:
    """Not a number, nor one character again and again."""
    return not text.isdigit() and len(set(text.lower())) > 4


def _is_domain(text: str) -> bool:
    name = _plain(text)
    labels = name.lower().split(".")
    ending = labels[-1]
    if ending not in _ORDINARY and ending not in _DOUBTFUL and not ending.startswith("xn--"):
        return False
    if _SURE in text:
        return True
    if name.lower() in _PRODUCTS or (len(labels) > 1 and labels[0] in _PACKAGES):
        return False
    if all(label[:1].isupper() and label[1:].islower() for label in name.split(".")):  # Microsoft.Office.Info
        return False
    return ending not in _DOUBTFUL or len(labels) > 2
