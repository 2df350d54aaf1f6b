"""What an order is done to: what its clause or its sentence names, what it refers to, and how its tool takes it; which findings, and
what is decided about them: never more than what was named or shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Skeleton, mark
from secops_agent.llm.offline.filters import narrow
from secops_agent.llm.offline.followups import CARDS, last_list
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding.entities import HOSTS, Sentence, numbers_of, take_verdicts_and_numbers
from secops_agent.llm.understanding.focus import Focus, mark_for, meant_by
from secops_agent.llm.understanding.verbs import (
    ACTS,
    INSTEAD,
    NEEDS,
    OF_FINDING,
    PIECE,
    WANTED,
    Act,
    SpokenVerb,
    verbs_in,
)

_ORDINALS: Final = {"first": 0, "second": 1, "third": 2, "last": -1, "top": 0, "bottom": -1}
_SPARED: Final = (*WANTED["alert"], *WANTED["ip"], *WANTED["asset"])
_ALL: Final = MaskedName(Kind.REF, "全", "all", exact=False)
_LOGGED: Final = re.compile(
    rf"^(?P<log>.*(?<![\s:：=,，(（\[「“]))(?:\s+|\s*→\s*)(?P<said>(?:[一-鿿]|{mark(Kind.REF)})[^A-Za-z\"'“”=:{{}}<>]*)$"
)
_BEFORE_LOG: Final = re.compile(r"^(?P<said>[^A-Za-z\"'“”=:<>]{2,20})[:：]\s*(?P<log>.+)$")
_NARROWED: Final = ("asset", "owner", "environment", "importance", "exposed", "overdue", "due_within")
_SAID: Final = _NARROWED[2:]
_TO_WHOM: Final = re.compile(
    rf"(?<={mark(Kind.ALERT, Kind.NUMBER, Kind.ROW)})\s+(?=(?:[转派交分]?给|归){mark(Kind.PERSON)})"
)  # A12 A13 给王五 A14 给李四
_PAGE: Final = 10  # rows of a list that may go on
_LISTS: Final = ("list_vulnerabilities", "list_findings", "affected_assets", "lookup_cve")
_DATE: Final = re.compile(r"(20\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_ALONE: Final = {
    "create_case": ("title",), "watch": ("rule", "severity"), "delete_schedule": ("what", "watched", "watch_id"),
}  # fmt: skip
_PLACE: Final = re.compile(r"[^，]{2,6}(?:区|环境|上|里|边|网|服)?的")
_CORRECTED: Final = re.compile(
    "|".join(
        rf"(?P<wrong{kind}>{mark(kind)})(?P<between{kind}>[^{ANY_MARK.pattern[1:-1]},，]{{0,6}}?)[,，\s]*(?:[哦噢喔啊呃唉欸]\s*)?(?:不对|(?:说|打|写|搞|弄)错了?|口误)[,，\s]*(?:应该|改)?(?:是|给|成|派)?\s*(?P<right{kind}>{mark(kind)})"
        for kind in (Kind.PERSON, Kind.ALERT, Kind.IP, Kind.ASSET, Kind.DURATION, Kind.VERDICT)
    )
)  # 给张三吧 哦不对 给李四


def objects_of(act: Act, places: Sequence[Skeleton], focus: Focus) -> Iterator[tuple[str, str]]:
    """What the verb is done to: named in the first of these places that names one, else referred to; nothing else."""
    for said in places:
        for kind in act.kinds:
            if found := named_in(kind, said):
                yield from ((kind, value) for value in _listed(kind, found, said, focus))
                return
    last, reference = places[-1], None
    if side := pattern("cues.said.of_two").search(last.text):
        yield from _of_two(act, side["last"] is not None, focus)
        return
    if rows := next(filter(None, map(rows_in, places)), ()):
        listed, row = last_list(focus.last), last.first(Kind.ROW)
        other = listed and listed.tool in CARDS and row and "条" not in row.raw  # 第二个任务
        kind, values = ("", ()) if other else focus.rows(rows)
    else:
        reference = last.first(Kind.REF)
        if reference is None and pattern("cues.said.entire").match(last.text):
            reference = _ALL
        others = last.first(Kind.IP, Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.DOMAIN, Kind.CVE, Kind.ALERT)
        kind, values = (
            ("", ())
            if others and not reference
            else meant_by(str(reference.value) if reference else "it", focus, act.kinds)
        )
        if values and not focus.is_about(values[0]):
            return  # something else was shown since
        if reference and re.search("[俩两]", reference.raw) and len(values) != 2:
            return  # two of more
    one = len(values) < 2 or rows or not reference or reference.value in ("all", "person")
    if kind in act.kinds and one:  # 那条 of several is nobody's
        yield from ((kind, value) for value in values)


def _listed(kind: str, found: list[str], said: Skeleton, focus: Focus) -> Sequence[str]:
    """1和3给李四, behind a list of three: its rows, where the numbers are no alerts of it and nothing calls them alerts."""
    listed, rows = focus.all_rows()
    called = [one for one in said.found(Kind.ALERT, Kind.ALERTS) if not one.raw.strip().endswith("号")]
    bare = kind == "alert" and not called
    if not bare or listed != kind or any(one in rows for one in found):
        return found
    return [rows[int(one) - 1] for one in found] if all(0 < int(one) <= len(rows) for one in found) else found


def _of_two(act: Act, later: bool, focus: Focus) -> Iterator[tuple[str, str]]:
    """那后一个: of exactly two that were spoken of."""
    for kind in act.kinds:
        if len(values := focus.of(kind)) == 2:
            yield kind, values[-1 if later else 0]
            return


def named_again(act: Act, skeleton: Skeleton, start: int, end: int) -> list[tuple[str, str]]:
    """A210和A199重复，关A210: what is named a second time right behind the verb, and nothing else."""
    before = Skeleton(skeleton.text[:start], skeleton.entities)
    behind = Skeleton(skeleton.text[end:].lstrip()[:1], skeleton.entities)
    said = ((kind, named_in(kind, before), named_in(kind, behind)) for kind in act.kinds)
    return [(kind, again[0]) for kind, named, again in said if len(named) > 1 and set(again) & set(named)]


def means_another(verb: SpokenVerb, skeleton: Skeleton) -> bool:
    """A12确认 再把web那条也关了: does its piece describe an alert, and is the one that is named that of another order?"""
    mine, act = part_at(skeleton, verb, PIECE), ACTS.get(verb.tool)
    if act is None or "alert" not in act.kinds or mine.first(*WANTED["alert"], Kind.ROW):
        return False
    host = "asset" not in act.kinds and mine.first(*WANTED["asset"])
    others = (one for one in verbs_in(skeleton) if one.tool in ACTS and one != verb)
    taken = any(part_at(skeleton, one, PIECE).first(*WANTED["alert"]) for one in others)
    return taken and bool(host or pattern("cues.inside.which_one").search(mine.text))


def with_alerts(whole: Skeleton) -> tuple[Skeleton, bool]:
    """E1结案，下面的告警一起关: without these words, and were they said of a case?"""
    rest = pattern("cues.inside.with_alerts").sub("", whole.text) if whole.first(Kind.CASE) else whole.text
    return Skeleton(rest, whole.entities), rest != whole.text


def without_spared(whole: Skeleton) -> Skeleton:
    """19 197关掉 232先甭动: without what is to be left alone, if that is none of the others."""
    rest = pattern("cues.inside.spared").sub("，", whole.text)
    kept = Skeleton(rest, {char: one for char, one in whole.entities.items() if char in rest})
    others = kept.found(*_SPARED)
    spared = [one.value for char, one in whole.entities.items() if char in whole.text and char not in rest]
    return kept if spared and others and not {one.value for one in others} & set(spared) else whole


def without_repeated(whole: Skeleton) -> Skeleton:
    """A199跟A297一个东西，重复，关: without the alert that the other repeats."""
    repeats = any(one.value == "duplicate" for one in whole.found(Kind.VERDICT))
    rest = pattern("cues.inside.same").sub(" ", whole.text) if repeats else whole.text
    return Skeleton(rest, whole.entities)


def with_the_rest(whole: Skeleton, focus: Focus) -> Skeleton:
    """第一条给我 其他给李四, 前两条给王五 A18 给李四: rows beside alerts, and the rest of a list that was shown whole, as the alerts
    that they are."""
    kind, rows = focus.all_rows()
    the_rest = pattern("cues.inside.the_rest").search(whole.text)
    if kind != "alert" or not (the_rest or (rows_in(whole) and numbers_of(whole))):
        return whole
    said = Skeleton(whole.text, dict(whole.entities))

    def write(numbers: Iterable[str], instead_of: str) -> None:
        marks = " ".join(said.add(mark_for(kind, one)) for one in numbers)
        said.text = re.sub(" {2,}", " ", said.text.replace(instead_of, f" {marks} ")).strip()

    for char, one in whole.entities.items():
        if one.kind is Kind.ROW and char in said.text:
            write(focus.rows(one.value)[1], char)
    if first := pattern("cues.said.first_rows").search(said.text):
        write(focus.rows(range(read_integer(first["n"].replace("俩", "两")) or 0))[1], first[0])
    named = {str(number) for number in numbers_of(said)}
    if the_rest:
        others = [row for row in rows if row not in named]
        if not (named and others) or named - {*rows} or len(rows) >= _PAGE:
            return whole
        write(others, the_rest[0])
    said.text = _TO_WHOM.sub("", said.text)
    return said


def rows_in(said: Skeleton) -> tuple[int, ...]:
    """Places in the last list: 第二条, 前三条, the first one."""
    if found := said.found(Kind.ROW):
        return tuple(dict.fromkeys(place for row in found for place in row.value))
    if some := pattern("cues.said.first_rows").search(said.text):
        return tuple(range(read_integer(some["n"].replace("俩", "两")) or 0))
    ordinal = pattern("cues.said.ordinal").search(said.text)
    return (_ORDINALS[str(ordinal.lastgroup)],) if ordinal else ()


def counted_in(text: str) -> str:
    """How many are meant of what is described: 那两条; "" where no number is said."""
    said = pattern("cues.inside.counted").search(text)
    number = read_integer((said["n"] or said["m"]).replace("俩", "两").replace("仨", "三")) if said else 0
    return str(number) if number else ""


def named_in(kind: str, said: Skeleton) -> list[str]:
    if kind == "alert":
        return [str(number) for number in numbers_of(said)]
    found = [
        one for one in said.found(*WANTED[kind]) if "*" not in str(one.value)
    ]  # a family is nobody's target
    return list(
        dict.fromkeys(
            one.raw if kind == "ip" and one.kind is Kind.ASSET_IP else str(one.value) for one in found
        )
    )


def target(act: Act, kind: str, value: str) -> dict[str, Any]:
    """The object as the tool takes it."""
    if not value:
        return {}
    if act.argument == "scope":
        return {
            "scope": f"A{value}" if kind == "alert" else f"{'规则' if kind == 'rule' else '资产'}:{value}"
        }
    if act.tool == "watch" and kind == "alert":
        return {"target": f"A{value}"}
    return {act.argument: int(value) if act.argument.endswith("_id") else value}


def without_object(order: Intent) -> Intent:
    """The order, of which is to be asked what it is done to."""
    argument = ACTS[order.tool].argument
    return Intent(order.tool, {name: one for name, one in order.arguments.items() if name != argument})


def missing_in(actions: Sequence[Intent]) -> str:
    """What has to be said before it can be shown: object, assignee, verdict; "" for nothing."""
    for action in actions:
        act = ACTS.get(action.tool)
        if act and act.argument not in action.arguments and not _stands_alone(action):
            return "object"
        said = (act.demands, *INSTEAD.get(action.tool, ())) if act and act.demands else ()
        if act and said and not any(_is_given(action, name) for name in said):
            return act.demands
        lacks = NEEDS.get(str(action.arguments.get("decision", "")), ())
        if left := next((name for name in lacks if not action.arguments.get(name)), ""):
            return left
    return ""


def _is_given(action: Intent, name: str) -> bool:
    """A text is more than that one is sent: 发一句."""
    value = str(action.arguments.get(name) or "")
    return bool(value) and not (name == "text" and pattern("telling.change.no_text").fullmatch(value))


def _stands_alone(action: Intent) -> bool:
    """A case without alerts has a title, what is watched a rule or a level, a task of the calendar what it does."""
    return any(name in action.arguments for name in _ALONE.get(action.tool, ()))


def beside_log(skeleton: Skeleton) -> Skeleton:
    """What is typed beside a pasted line of a log, with the one address and the one host of the line; all of it in quotation marks
    if nothing is, or if what is typed names what the line does not."""
    quoted = Skeleton(f"「{skeleton.text}」", skeleton.entities)
    found = _LOGGED.match(skeleton.text) or _BEFORE_LOG.match(skeleton.text)
    if found is None:
        return quoted
    log, said = (Skeleton(found[part], skeleton.entities) for part in ("log", "said"))
    kinds = ((Kind.IP,), (Kind.ASSET, Kind.ASSET_IP))
    named = [{one.value: one for one in log.found(*kind)} for kind in kinds]
    if {one.value for one in said.found(*kinds[0], *kinds[1])} - {value for one in named for value in one}:
        return quoted
    chars = [
        char
        for one in named
        if len(one) == 1
        for char in log.text
        if skeleton.entities.get(char) in one.values()
    ]
    return Skeleton(f"{''.join(dict.fromkeys(chars))}，{said.text}", skeleton.entities)


def typed_in(sentence: Sentence) -> tuple[Skeleton, bool]:
    """What of it may order: of a pasted line of a log nothing, but what is typed behind or before it; a rule in quotation marks is
    nobody's words."""
    whole = take_verdicts_and_numbers(sentence.order)
    logged = pattern("cues.said.logged").search(sentence.plain) is not None
    whole = beside_log(whole) if logged else whole
    rest = corrected(whole)
    logged, whole.text = logged or rest != whole.text, rest  # no exact line any more
    if sentence.keyword:
        whole.text = re.sub(rf"[“「『\"]({re.escape(sentence.keyword)})[”」』\"]", r"\1", whole.text)
    whole.text = _TO_WHOM.sub("", whole.text)
    return whole, logged


def corrected(whole: Skeleton) -> str:
    """给张三吧 哦不对 给李四: without the name that was wrong."""
    wrong = _CORRECTED.search(whole.text)
    said = wrong and {
        name.rstrip("0123456789"): one for name, one in wrong.groupdict().items() if one is not None
    }
    return (
        f"{whole.text[: wrong.start()]}{said['right']}{said['between']}{whole.text[wrong.end() :]}"
        if wrong and said
        else whole.text
    )


def part_at(skeleton: Skeleton, verb: SpokenVerb, border: "re.Pattern[str]") -> Skeleton:
    """The part of the text between two borders that the verb stands in."""
    text, start = skeleton.text, 0
    for match in border.finditer(text):
        if match.start() >= verb.end:
            return Skeleton(text[start : match.start()], skeleton.entities)
        start = match.end() if match.end() <= verb.start else start
    return Skeleton(text[start:], skeleton.entities)


# Findings


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


def of_hosts(verbs: Sequence[SpokenVerb], whole: Skeleton, focus: Focus) -> list[SpokenVerb]:
    """解了吧, where a host was spoken of and no address: it is let out."""
    named = whole.first(*WANTED["ip"], *WANTED["asset"]) or any(
        one.value == "ip" for one in whole.found(Kind.REF)
    )
    about = focus.last.about if focus.last else {}
    if named or focus.newest != "asset" or "ip" in about:
        return list(verbs)
    return [replace(verb, tool="release_host") if verb.tool == "unblock_ip" else verb for verb in verbs]


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
        found = {name: last.arguments[name] for name in _NARROWED if last.arguments.get(name)} | found
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


def watched_beside(sentence: Sentence) -> dict[str, Any]:
    """What a watch picks: levels (高危以上的), a rule or an attack (webshell 再出来), all whose names begin so (k8s那几台); and for whom it is."""
    levels = [str(one.value) for one in sentence.question.found(Kind.SEVERITY)]
    quiet = pattern("cues.inside.quiet").search(sentence.question.text)
    picked = levels[:1] if quiet else levels
    said = {"severity": ",".join(dict.fromkeys(",".join(picked).split(",")))} if picked else {}
    families = [str(one.value) for one in sentence.found(*WANTED["asset"]) if "*" in str(one.value)]
    said |= {"target": ",".join(families)} if families else {}
    said |= {"to": "值班"} if pattern("cues.inside.for_duty").search(sentence.plain) else {}
    return said | ({"rule": sentence.keyword} if sentence.keyword else {})


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
