"""CEF (ArcSight, version 0 and 1) and LEEF (QRadar, 1.0 and 2.0): the header and the fields behind it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from secops_agent.services.records import Severity, severity_of

_PART: Final = re.compile(r"((?:[^\\|]|\\.)*)\|", re.DOTALL)
_KEY: Final = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\-\[\]]{1,100})=")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_HEX: Final = re.compile(r"(?:0x|x|\\x)([0-9A-Fa-f]{1,4})")
_MOST: Final = 200  # fields of one event
_LONGEST: Final = 4000  # characters of one
_BREAKS: Final = {"n": "\n", "r": "\n", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Event:
    """What a device reports. ``rule`` is the device's own id of the kind of event; ``severity`` its judgement."""

    format: str
    vendor: str
    product: str
    rule: str
    name: str
    severity: Severity
    fields: Mapping[str, str]


def read_event(text: str) -> Event | None:
    """The event that the text is; None if it is neither CEF nor LEEF, or a broken one."""
    if text.startswith("CEF:"):
        return _cef(text)
    return _leef(text) if text.startswith("LEEF:") else None


def _cef(text: str) -> Event | None:
    head, place = _parts(text, 7)
    if len(head) < 7:
        return None
    _, vendor, product, _, rule, name, severity = head
    return Event("cef", vendor, product, rule, name or rule, _severity(severity), _pairs(text[place:]))


def _leef(text: str) -> Event | None:
    head, place = _parts(text, 5)
    if len(head) < 5:
        return None
    version, vendor, product, _, rule = head
    mark, place = _delimiter(text, place) if version.startswith("LEEF:2") else ("\t", place)
    fields = _delimited(text[place:], mark)
    named = fields.get("name") or fields.get("cat") or rule
    return Event("leef", vendor, product, rule, named, _severity(fields.get("sev", "")), fields)


def _parts(text: str, count: int) -> tuple[list[str], int]:
    """The first parts between bars, and where the rest begins."""
    parts: list[str] = []
    place = 0
    while len(parts) < count and (found := _PART.match(text, place)):
        parts.append(_ESCAPE.sub(r"\1", found[1]).strip()[:500])
        place = found.end()
    return parts, place


def _delimiter(text: str, place: int) -> tuple[str, int]:
    """LEEF 2.0 names what stands between its fields: a character, or its code; some leave the whole part out."""
    found = re.compile(r"([^|=]{0,6})\|").match(text, place)
    if found is None:
        return "\t", place
    code = _HEX.fullmatch(found[1])
    mark = chr(int(code[1], 16)) if code else found[1][:1]
    return mark or "\t", found.end()


def _pairs(rest: str) -> dict[str, str]:
    """``key=value key=value``, where a value may hold blanks."""
    keys = list(_KEY.finditer(rest))[: _MOST + 1]
    ends = [each.start() for each in keys[1:]] + [len(rest)]
    return {
        key[1]: _plain(rest[key.end() : end].strip())
        for key, end in list(zip(keys, ends, strict=True))[:_MOST]
    }


def _delimited(rest: str, mark: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in rest.split(mark, _MOST)[:_MOST])
    return {key.strip()[:100]: value.strip()[:_LONGEST] for key, sign, value in pairs if sign and key.strip()}


def _plain(value: str) -> str:
    return _ESCAPE.sub(lambda found: _BREAKS.get(found[1], found[1]), value[:_LONGEST])


def _severity(word: str) -> Severity:
    """0 to 10 as both formats have it, else a word."""
    try:
        number = float(word)
    except ValueError:
        return severity_of(word.replace("Very-High", "critical"))
    for bound, severity in ((9, "critical"), (7, "high"), (4, "medium"), (1, "low")):
        if number >= bound:
            return severity  # type: ignore[return-value]
    return "info"
