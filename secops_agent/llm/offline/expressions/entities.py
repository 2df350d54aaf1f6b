"""Names and ids in a sentence: addresses, domains, hashes, vulnerabilities, assets, people, alert numbers."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.offline.pinyin import spelled
from secops_agent.llm.offline.words import load, pattern, wordset

from .numerals import read_integer
from .skeletons import Kind, Reader, Skeleton
from .times import take_times


def read_entities(text: str, lexicon: Lexicon, now: datetime) -> Skeleton:
    """A skeleton of the normalised text with every name, id, time and duration marked."""
    skeleton = Skeleton(text)
    for kind, name, read in _technical(lexicon):
        skeleton.take(kind, pattern(f"entities.{name}"), read)
    _take_spoken(skeleton, lexicon)
    skeleton.take(Kind.OBSERVABLE, pattern("entities.called"), _called)
    _take_chinese(skeleton, lexicon)
    _take_sounds(skeleton, lexicon)
    nicknames = load("entities")["nicknames"]
    skeleton.take(
        Kind.CVE,
        re.compile(rf"(?<![a-z0-9])(?:{'|'.join(nicknames)})(?![a-z0-9])", re.IGNORECASE),
        lambda m: nicknames[m[0].lower()],
    )
    skeleton.take(Kind.DOMAIN, pattern("entities.domain"), _domain)
    skeleton.take(
        Kind.HOST,
        pattern("entities.host"),
        lambda m: None if pattern("entities.not_hosts").fullmatch(m[0]) else m[0],
    )
    skeleton.take(Kind.SCHEDULE, pattern("entities.schedule"), _number)
    take_times(skeleton, now)
    skeleton.take(Kind.ALERTS, pattern("entities.alerts"), lambda m: m.group())
    skeleton.take(Kind.ALERT, pattern("entities.alert"), _number)
    skeleton.take(Kind.ALERT, pattern("entities.alert_before"), _number)
    return skeleton


def _take_spoken(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """As a voice message has them: CVE二零二三三八五四五, 一百九十八点五十一点一百点二十三, update点bad点example."""

    def address(match: re.Match[str]) -> str | None:
        numbers = [read_integer(part.strip()) for part in match[0].split("点")]
        return _address(".".join(map(str, numbers))) if None not in numbers else None

    def asset(match: re.Match[str]) -> str | None:
        found = address(match)
        return found if found and lexicon.asset(found) else None

    def flaw(match: re.Match[str]) -> str:
        digits = "".join(str(read_integer(digit)) for digit in match["n"])
        return f"CVE-{digits[:4]}-{digits[4:]}"

    skeleton.take(Kind.CVE, pattern("entities.spoken_cve"), flaw, exact=False)
    skeleton.take(Kind.ASSET_IP, pattern("entities.spoken_ip"), asset, exact=False)
    skeleton.take(Kind.IP, pattern("entities.spoken_ip"), address, exact=False)
    skeleton.take(
        Kind.DOMAIN, pattern("entities.spoken_domain"), lambda m: m[0].replace("点", ".").lower(), exact=False
    )


def is_private(address: str) -> bool:
    """RFC 1918 by its first numbers: an address of the company even when nobody registered it."""
    return bool(re.match(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.", address))


def _technical(lexicon: Lexicon) -> tuple[tuple[Kind, str, Reader], ...]:
    def named(index: Mapping[str, str]) -> Reader:
        reserved = wordset("entities.reserved")
        return lambda m: None if len(m[0]) < 2 or m[0].lower() in reserved else index.get(m[0].lower())

    return (
        (Kind.OBSERVABLE, "email", lambda m: m[0].lower()),
        (Kind.URL, "url", lambda m: m[0].rstrip(".,;:!?)'")),
        (Kind.OBSERVABLE, "path", lambda m: m[0].rstrip(".,;:!?")),
        (Kind.HASH, "hash", lambda m: m[0].lower()),
        (Kind.CVE, "cve", _vulnerability),
        (Kind.NETWORK, "network", lambda m: m[0]),
        (Kind.ASSET_IP, "ip", lambda m: address if lexicon.asset(address := _address(m[0]) or "") else None),
        (Kind.IP, "ip", lambda m: _address(m[0])),
        (Kind.ASSET, "token", named(lexicon.assets)),
        (Kind.PERSON, "token", named(lexicon.people)),
    )


def _take_chinese(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """Chinese names have no boundaries: look up what starts at each character."""
    text = skeleton.text.lower()
    starts = range(len(text))
    assets = {
        name
        for i in starts
        for name in lexicon.chinese_assets.get(text[i : i + 2], ())
        if text.startswith(name, i)
    }
    people = {
        text[i : i + n] for i in starts if "一" <= text[i] <= "鿿" for n in (2, 3, 4)
    } & lexicon.people.keys()
    for kind, names, index in ((Kind.ASSET, assets, lexicon.assets), (Kind.PERSON, people, lexicon.people)):
        longest = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        if names:
            skeleton.take(kind, re.compile(longest, re.IGNORECASE), partial(_look_up, index))


def _take_sounds(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """跟王武说一声, of 王五: a name as it was heard, where the words beside it are those of a person."""
    for words in ("heard_long", "heard_short") if lexicon.sounds else ():
        skeleton.take(
            Kind.PERSON,
            pattern(f"entities.{words}"),
            lambda match: lexicon.sounds.get(spelled(match[0])[0]),
            exact=False,
        )


def _look_up(index: Mapping[str, str], match: re.Match[str]) -> str | None:
    return index.get(match.group().lower())


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _vulnerability(match: re.Match[str]) -> str:
    if match["ghsa"]:
        return match["ghsa"].upper()
    if match["short"]:
        return f"CVE-{match['short']}"
    return f"{match['kind']}-{match['year']}-{match['number']}".upper()


def _called(match: re.Match[str]) -> str | None:
    """A process, an account or a file by the word beside it."""
    name = next(value for value in match.groupdict().values() if value)
    return None if name.lower() in wordset("keywords.common_english") else name


def _domain(match: re.Match[str]) -> str | None:
    ending = match.group().rpartition(".")[2].lower()
    is_file = ending in wordset("entities.file_endings") or not ending.replace("-", "").isalnum()
    return None if is_file else match.group().lower()


def _number(match: re.Match[str]) -> int | None:
    text = next((value for name, value in match.groupdict().items() if name.startswith("n") and value), "")
    return read_integer(text) or None
