"""Sentences that only make sense after another one: 只看高危的, 那昨天的呢, 第 2 条详情, 它的负责人是谁."""

from collections.abc import Callable, Mapping
from datetime import datetime

from .filters import group_of, narrow
from .intents import READ_TOOLS, Intent
from .keywords import find_known
from .numerals import read_integer
from .skeletons import ANY_MARK, Kind, Skeleton
from .words import load, name_of, pattern

_FOLLOWUPS = load("followups")
_KINDS = {name: tuple(Kind[kind] for kind in kinds) for name, kinds in _FOLLOWUPS["kinds"].items()}
_OWN = (*(kind for kinds in _KINDS.values() for kind in kinds if kind is not Kind.HOST), Kind.IP)
ROWS: Mapping[str, tuple[str, str]] = _FOLLOWUPS["rows"]
_MOST_LEFT = 2  # characters that nothing explains
Read = Callable[[str], Intent | None]


def read_follow_up(skeleton: Skeleton, plain: str, last: Intent, now: datetime, read: Read) -> Intent | None:
    """A sentence that is certainly about the last one; ``read`` tells what question a whole sentence asks."""
    return (
        _item(plain, last)
        or (None if skeleton.first(*_OWN) else _pronoun(plain, last, read))
        or read_refinement(skeleton, last, now, loose=False)
    )


def _item(text: str, last: Intent) -> Intent | None:
    """第 2 条 of what was listed, if the identifiers of the rows are known."""
    match, listed = pattern("followups.item").search(text), last_list(last)
    if not match or not listed or len(text) > 20:
        return None
    index = 0 if match["first"] else -1 if match["last"] else (read_integer(match["n"]) or 0) - 1
    index -= int(listed.arguments.get("offset", 0)) if index >= len(listed.items) else 0
    if not -len(listed.items) <= index < len(listed.items):
        return None
    (tool, name), item = ROWS[listed.tool], listed.items[index]
    return Intent(tool, {name: int(item) if name == "alert_id" else item})


def last_list(last: Intent | None) -> Intent | None:
    """What 第 2 条 and 更多 are about."""
    return next((one for one in (last, last and last.before) if one and one.items and one.tool in ROWS), None)


def read_more(last: Intent | None) -> Intent | None:
    """The next page of the last list."""
    listed = last_list(last)
    if not listed or "limit" not in _FOLLOWUPS["filters"].get(listed.tool, ()):
        return None
    seen = int(listed.arguments.get("offset", 0)) + len(listed.items)
    return Intent(listed.tool, {**listed.arguments, "offset": seen})


def _pronoun(text: str, last: Intent, read: Read) -> Intent | None:
    """The sentence with the last object in the place of 它; never an action, since its object must be named."""
    match = pattern("followups.pronoun").search(text)
    meant = name_of("followups.means", match.group()) if match else ""
    keys = _FOLLOWUPS["stands_for"][meant or "any"]
    objects = ((key, found[key]) for found in (last.arguments, last.about) for key in keys if key in found)
    key, value = next(objects, ("", ""))
    if not match or not key or len(text) > 30:
        return None
    subject = f" 告警 {value} " if key == "alert_id" else f" {value} "
    found = read(f"{text[: match.start()]}{subject}{text[match.end() :]}".strip())
    return found if found and found.tool in READ_TOOLS else None


def read_refinement(skeleton: Skeleton, last: Intent, now: datetime, *, loose: bool) -> Intent | None:
    """The last question with other filters. ``loose``: nothing else fits, so no marker word is needed."""
    text = skeleton.text.strip(" 。.!！")
    marked = pattern("followups.starts").search(text) or pattern("followups.ends").search(text)
    by_group = last.tool in ("list_alerts", "alert_statistics") and pattern("followups.grouping").search(text)
    new_topic = pattern("followups.topic").search(text) and not by_group
    if len(text) > 24 or not (marked or loose) or new_topic:
        return None
    numbered = pattern("followups.numbered").fullmatch(text)  # 13 号呢
    if last.tool == "get_alert" and numbered:
        return Intent("get_alert", {"alert_id": read_integer(numbered["n"])})
    return _replaced(skeleton, last) or _refined(skeleton, last, now)


def _replaced(skeleton: Skeleton, last: Intent) -> Intent | None:
    """web-02 呢 after a question about web-01; another CVE, address, alert or period likewise."""
    for name, wanted in _KINDS.items():
        entity = skeleton.first(*wanted)
        if name in last.arguments and entity and last.tool in READ_TOOLS:
            return Intent(last.tool, {**last.arguments, name: entity.value})
    time = skeleton.first(Kind.TIME)
    if last.tool == "security_report" and time and time.value.period:
        return Intent("security_report", {"period": time.value.period})
    return None


def _refined(skeleton: Skeleton, last: Intent, now: datetime) -> Intent | None:
    if last.tool not in _FOLLOWUPS["filters"]:
        return None
    text = pattern("followups.lead").sub("", skeleton.text)
    grouping = group_of(text) if pattern("followups.grouping").search(text) else {}
    if grouping and last.tool in ("list_alerts", "alert_statistics"):
        since = {key: value for key, value in last.arguments.items() if key == "since_hours"}
        return Intent("alert_statistics", since | narrow(skeleton, now, "since_hours") | grouping)
    keyword = find_known(text, frozenset()) if last.tool == "list_alerts" else ""
    said = narrow(skeleton, now, *_FOLLOWUPS["filters"][last.tool])
    said |= {"keyword": keyword} if keyword else {}
    rest = ANY_MARK.sub("", text.replace(keyword, "") if keyword else text)
    explained = len(pattern("followups.nothing").sub("", rest)) <= _MOST_LEFT
    dropped = {"offset", *(["until_hours"] if "since_hours" in said else [])}
    kept = {name: value for name, value in last.arguments.items() if name not in dropped}
    return Intent(last.tool, {**kept, **said}) if said and explained else None
