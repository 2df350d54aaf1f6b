"""Sentences that only make sense after another one: 只看高危的, 那昨天的呢, 第 2 条谁在处理, 处理了没.

Such a sentence leaves out what the last question was about. With that in front of it, it is read as a whole question, and what
it does not change of the last question's conditions stays.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from secops_agent.llm.offline.expressions.numerals import read_integer

from .intents import Intent
from .words import load, name_of, pattern

_FOLLOWUPS = load("followups")
ROWS: Mapping[str, tuple[str, str]] = _FOLLOWUPS["rows"]
CARDS = frozenset(("get_case", "get_asset"))  # show alerts beside what they are about
NOUNS: Mapping[str, str] = _FOLLOWUPS["nouns"]
_SPANS = {"since_hours", "until_hours", "period"}
_WRITTEN = {"alert_id": "告警 {}", "case_id": "事件 {}"}


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


def read_row(text: str, last: Intent) -> tuple[str, Intent] | None:
    """第 2 条 of what was listed: the text with the row as it is written in its place, and the look-up of the row."""
    match, listed = pattern("followups.item").search(text), last_list(last)
    if not match or not listed or ("台" in match.group() and ROWS[listed.tool][1] != "asset"):
        return None
    if listed.tool in CARDS and "条" not in match.group():
        return None  # 第二个漏洞, 第一个任务
    index = 0 if match["first"] else -1 if match["last"] else (read_integer(match["n"] or "") or 0) - 1
    index = -(read_integer(match["back"]) or 1) if match["back"] else index
    index -= int(listed.arguments.get("offset", 0)) if index >= len(listed.items) else 0
    if not -len(listed.items) <= index < len(listed.items):
        return None
    (tool, name), item = ROWS[listed.tool], listed.items[index]
    asked = f"{text[: match.start()]} {_write(name, item)} {text[match.end() :]}".strip()
    return asked, Intent(tool, {name: int(item) if name == "alert_id" else item})


def things_of(last: Intent, text: str) -> Iterator[str]:
    """The one thing that was spoken of, as it is written, what is likely meant first: 机器 is no alert."""
    listed = last_list(last)
    only = (
        {ROWS[last.tool][1]: last.items[0]}
        if listed is last and len(last.items) == 1 and last.tool not in CARDS
        else {}
    )
    meant = name_of("followups.means", text)
    keys = _FOLLOWUPS["stands_for"][meant or "any"]
    near = any(key in found for key in keys for found in (last.arguments, only))
    places = (last.arguments, only, *([last.about] if meant or not near else []))
    for key in keys:
        yield from (_write(key, found[key], found) for found in places if key in found)
    if last.tool == "list_vulnerabilities" and "keyword" in last.arguments:  # which software has them
        yield str(last.arguments["keyword"])


def _write(name: str, value: Any, beside: Mapping[str, Any] | None = None) -> str:
    """``beside``: arguments among which are the other alerts that were asked for."""
    others = str((beside or {}).get("alert_ids", "")).split(",") if name == "alert_id" else ()
    return " A".join([_WRITTEN.get(name, "{}").format(value), *filter(None, others)])


def is_marked_as_one(text: str) -> bool:
    """那…, 再…, …呢: does it say that it goes on?"""
    return any(pattern(f"followups.{place}").search(text) for place in ("starts", "ends"))


def without_lead(text: str) -> str:
    """Without 那, 再, 换成, 我说的是."""
    return pattern("followups.lead").sub("", text).strip()


def closed(intent: Intent) -> Intent:
    """关了几条: what was closed in the time that is asked about, or at any time."""
    timed = "since_hours" in intent.arguments
    kept = {name: value for name, value in intent.arguments.items() if name != "status"}
    return Intent(intent.tool, kept | ({"time_of": "closed"} if timed else {"status": "closed"}))


def changed(intent: Intent, last: Intent, people: Collection[str]) -> Intent:
    """The question with what it leaves of the last one's conditions; ``people``: what is a name among the words looked for."""
    said = dict(intent.arguments)
    takes = last.arguments if intent.tool == last.tool else _FOLLOWUPS["filters"].get(intent.tool, ())
    if last.arguments.get("time_of") == said.get("status") == "closed":
        said.pop("status")  # 昨天关了哪些，谁关的
    if "target" in last.arguments:  # of the one address that was asked about
        said.pop("kind", None)
    by = said.get("group_by")  # 哪台最多, of one system: its machines
    gone = {"offset", *([] if by == "asset" else [by]), *(_SPANS if said.keys() & _SPANS else ())}
    if "verdict" in said and "status" not in said:  # what was judged is closed
        gone.add("status")
        said |= {"status": "all"} if intent.tool == "list_alerts" else {}
    whose = [name for name in ("keyword", "assignee") if last.arguments.get(name) in people]
    gone |= {*whose} if "unassigned" in said else {"unassigned"} if said.get("keyword") in people else set()
    kept = {name: value for name, value in last.arguments.items() if name in takes and name not in gone}
    kept = {name: value for name, value in kept.items() if name != "group_by" or value not in said}
    if "keyword" in kept and "keyword" in said and (kept["keyword"] in people) != (said["keyword"] in people):
        one = kept if kept["keyword"] in people else said
        one["assignee"] = one.pop("keyword")
    return Intent(intent.tool, {**kept, **said})
