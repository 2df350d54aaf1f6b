"""Orders about findings: which findings are meant, what is decided about them, until when and why, or who gets them.

A vulnerability, a finding by its number or rule, a row of a list: never more than what was named or shown. What narrows it (an asset,
an owner, an environment) stands in the sentence, or in the question whose list is meant.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.filters import narrow
from secops_agent.llm.offline.followups import last_list
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding.entities import HOSTS, Sentence
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import objects_of, rows_in
from secops_agent.llm.understanding.verbs import ACTS, OF_FINDING, WANTED, Act, SpokenVerb

NARROWED: Final = ("asset", "owner", "environment", "importance", "exposed", "overdue", "due_within")
_SAID: Final = NARROWED[2:]
_LISTS: Final = ("list_vulnerabilities", "list_findings", "affected_assets", "lookup_cve")
_DATE: Final = re.compile(r"(20\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_PLACE: Final = re.compile(r"[^，]{2,6}(?:区|环境|上|里|边|网|服)?的")


def of_findings(verbs: Sequence[SpokenVerb], whole: Skeleton, focus: Focus) -> list[SpokenVerb]:
    """都派给赵六, 第二条标误报, behind a list of vulnerabilities or findings: these are meant, and no alert."""
    if not {verb.tool for verb in verbs} & OF_FINDING.keys() or whole.first(
        *WANTED["alert"], *WANTED["case"]
    ):
        return list(verbs)
    kind, _ = focus.all_rows()
    last = focus.last
    spoken = last and (last.tool in _LISTS) and (kind in ("cve", "finding") or "cve_id" in last.arguments)
    if not spoken or pattern("cues.noun.alert").search(whole.text):
        return list(verbs)
    return [replace(verb, tool=OF_FINDING.get(verb.tool, verb.tool)) for verb in verbs]


def findings_of(act: Act, places: Sequence[Skeleton], focus: Focus) -> list[tuple[str, str]]:
    """What the verb is done to; of the vulnerability whose assets were listed a row is an asset."""
    kind, rows = focus.rows(next(filter(None, map(rows_in, places)), ()))
    flaw = str((last_list(focus.last) or focus.last).arguments.get("cve_id", "")) if focus.last else ""
    if kind == "asset" and rows and flaw:
        return [("cve", flaw)]
    return list(objects_of(act, places, focus))


def narrowed_by(
    sentence: Sentence, places: Sequence[Skeleton], focus: Focus, *, named: bool
) -> dict[str, Any]:
    """Where and of whom: as it is said; of what is not ``named`` but was listed, also as the list was asked for."""
    whole, last = places[-1], last_list(focus.last) or focus.last
    found: dict[str, Any] = narrow(sentence.question, sentence.now, *_SAID)
    near = [place.found(*HOSTS, Kind.HOST) for place in places]
    if hosts := next(filter(None, near), []):
        found["asset"] = ",".join(dict.fromkeys(str(one.value) for one in hosts))
    if (owner := pattern("filters.owned").search(whole.text)) and (
        person := Skeleton(owner[0], whole.entities).first(Kind.PERSON)
    ):
        found["owner"] = str(person.value)
    if not named and last and last.tool in _LISTS:
        found = {name: last.arguments[name] for name in NARROWED if last.arguments.get(name)} | found
        kind, rows = focus.rows(next(filter(None, map(rows_in, places)), ()))
        found |= {"asset": ",".join(rows)} if kind == "asset" and rows else {}
    said = pattern("cues.inside.so_many").search(sentence.plain)
    number = read_integer(said["n"].replace("俩", "两")) if said else None
    return found | ({"count": number} if number else {})


def decision_in(places: Sequence[Skeleton], sentence: Sentence) -> dict[str, Any]:
    """The decision that is said nearest to the verb, until when a risk is accepted, and why something is not affected."""
    said = next(filter(None, (_decision(place) for place in places)), "")
    text = places[-1].expand(places[-1].text)
    found: dict[str, Any] = {"decision": said} if said else {}
    if said in ("", "accepted") and (until := read_day(text, places[-1], sentence.now)):
        found["until"] = until
    if said in ("", "not_affected") and (why := name_of("cues.justification", text)):
        found["justification"] = why
    return found


def _decision(place: Skeleton) -> str:
    said = [one.value for one in place.found(Kind.VERDICT)]
    return name_of("cues.decision", place.text) or ("false_positive" if "false_positive" in said else "")


def read_day(text: str, said: Skeleton, now: datetime) -> str:
    """到2026-12-31, 到年底, 三个月: the last day; "" for none."""
    if date := _DATE.search(text):
        return f"{int(date[1]):04}-{int(date[2]):02}-{int(date[3]):02}"
    length = said.first(Kind.DURATION)
    minutes = (
        read_until(text, now) or read_until(f"到{text.strip()}", now) or (int(length.value) if length else 0)
    )
    return f"{now + timedelta(minutes=minutes):%Y-%m-%d}" if minutes >= 1 else ""


def without_place(said: dict[str, Any]) -> dict[str, Any]:
    """测试区的 tells which are meant, and no reason."""
    kept = [one for one in str(said.get("note", "")).split("，") if not _PLACE.fullmatch(one)]
    return (
        {**said, "note": "，".join(kept)}
        if any(kept)
        else {name: one for name, one in said.items() if name != "note"}
    )


def left_of_findings(verbs: Sequence[SpokenVerb], whole: Skeleton, actions: Sequence[Intent]) -> list[str]:
    """That a limit that was said is not set; the vulnerabilities of a sentence that also orders something of alerts."""
    if not any(is_of_findings(one.tool) for one in actions):
        twice = sum(verb.tool in OF_FINDING for verb in verbs) > len(actions)
        return [f"「{one.raw}」" for one in whole.found(Kind.CVE, Kind.FINDING)] if twice else []
    said = pattern("cues.said.deadline").search(whole.text)
    return [f"「{whole.expand(said[0]).strip()}」（修复时限按级别算，指派时不能另定）"] if said else []


def decided_anew(old: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The arguments with another decision: the end, the grounds and the reason of the one before are none of it."""
    gone = (
        ("until", "justification", "note") if said.get("decision") not in (None, old.get("decision")) else ()
    )
    return {**{name: value for name, value in old.items() if name not in gone}, **said}


def unfiltered(verbs: Sequence[SpokenVerb], said: Skeleton, sentence: Sentence) -> str:
    """测试区的 CVE-…: "unclear" where words narrow what is meant and no condition was read."""
    if not any(is_of_findings(verb.tool) for verb in verbs) or not pattern("cues.inside.narrower").search(
        said.text
    ):
        return ""
    return "" if narrow(sentence.question, sentence.now, *_SAID) else "unclear"


def is_of_findings(tool: str) -> bool:
    """Is it done to findings?"""
    return tool in ACTS and "finding" in ACTS[tool].kinds
