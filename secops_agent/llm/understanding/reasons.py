"""What is kept in the words of who orders: why (a labelled note, else the pieces of a sentence that tell something), and what is
dictated: a message, a note, a task, the title of a case, a reminder. What is dictated orders nothing and takes nothing back.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from secops_agent.llm.offline.expressions.ends import find_window, moment_in, read_until
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, MaskedName, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding.entities import Sentence, numbers_of, usual
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.objects import objects_of, target
from secops_agent.llm.understanding.spans import REASON, Stretch, order_at, spans_of
from secops_agent.llm.understanding.verbs import (
    ACTS,
    CLAUSE,
    NAMES,
    NOTES,
    PIECE,
    VERB,
    WANTED,
    SpokenVerb,
    find_doubt,
    marks_of,
    verbs_in,
    without,
)

_WORD: Final = 4  # characters of a piece that is a verdict: 正常, and no 错误率
_TITLE: Final = 4  # characters that name a case
EDGES: Final = " ,，。.:：;；~!！"
_AROUND: Final = re.compile(rf"^(?:{NAMES.pattern}|\s)+")

_JUDGED: Final = re.compile(
    rf"^(?:{mark(Kind.VERDICT)}|正常)[\s,，]+(?=\S)|(?<=\S)[\s,，]+{mark(Kind.VERDICT)}$"
)
_COURTESY: Final = re.compile(r"[,，\s]*(?:顺手|顺便|然后|麻烦|请|所以|那|谢谢|辛苦了?)+$")
_SUBJECT: Final = re.compile(
    rf"\s*{mark(Kind.ASSET, Kind.ASSET_IP, Kind.HOST)}(?:正?在|已经?|要)"
)  # es-01 在升级
_CUTS: Final = re.compile(
    f"(?:(?!{ANY_MARK.pattern}).)*的(?={VERB})|{ANY_MARK.pattern}|{VERB}"
)  # 挖矿的✱: which one it is


_WHICH: Final = re.compile(
    rf"\s*{mark(Kind.REF)}[^,，。]*(?:{ANY_MARK.pattern}|都|全)\s*$"
)  # 那些没人接的都: the object


def split_note(skeleton: Skeleton) -> tuple[Skeleton, str]:
    """The sentence without its 备注：… or 原因：…, and that text as it was typed; it ends where an order begins."""
    text = pattern("reasons.fields").sub("，", skeleton.text)
    marker = pattern("reasons.note").search(text)
    if marker is None:
        return skeleton, ""
    start = marker.start("aim") if marker["aim"] else marker.end()
    if quoted := pattern("reasons.quoted").match(text, start):
        said, rest = quoted["said"], f"{text[: marker.start()]}，{text[quoted.end() :]}"
    else:
        ends = [match.start() for match in pattern("reasons.break").finditer(text) if match.start() > start]
        later = (
            end
            for end in ends
            if pattern("cues.inside.fields").match(text, end)
            or any(verb.tool in ACTS for verb in verbs_in(Skeleton(text[end:], skeleton.entities)))
        )
        end = next(later, len(text))
        said, rest = text[start:end], f"{text[: marker.start()]}，{text[end:]}"
    if pattern("cues.inside.only_verdict").fullmatch(said.strip(EDGES)):
        return Skeleton(f"{rest}，{said}".strip("，"), skeleton.entities), ""
    return Skeleton(rest.strip("，"), skeleton.entities), skeleton.expand(said).strip(EDGES)[:200]


def why_of(
    skeleton: Skeleton, spans: Sequence[Stretch], verb: SpokenVerb, verbs: Sequence[SpokenVerb]
) -> str:
    """Why it is ordered, as it was typed; with verbs of several tools what stands behind its order, or before the first."""
    several, own = len({one.tool for one in verbs}) > 1, order_at(spans, verb.start) or 0
    said = [
        skeleton.text[one.start : one.end]
        for one in spans
        if one.role == REASON and (one.order == own or not several)
        if not any(one.start <= each.start < one.end for each in verbs)
    ]
    return why_in(skeleton, said)


def why_in(skeleton: Skeleton, said: Sequence[str]) -> str:
    """What these stretches give as a reason, as it was typed."""
    told = [_without_haste(pattern("cues.regardless").sub("", _JUDGED.sub("", one))) for one in said]
    why = [
        skeleton.expand(one).strip(EDGES)
        for one, typed in zip(told, said, strict=True)
        if not _WHICH.match(typed) and ANY_MARK.sub("", one).strip(EDGES)  # a name alone is no reason
    ]
    return _COURTESY.sub("", "，".join(filter(None, why)))[:200].strip(EDGES).removeprefix("是")


def _without_haste(text: str) -> str:
    """Without 赶紧, 已备案 and 等王五批就行, which are no reason."""
    for name in ("hurry", "filed", "approved"):
        text = pattern(f"cues.{name}").sub(" ", text)
    return text


def untaken_in(order: Skeleton, verbs: Sequence[SpokenVerb], described: str = "") -> str:
    """What an order says beside its verbs and what they take, unless it has the words by which alerts are ``described``."""
    text = _without_haste(pattern("cues.harmless.silence_alerts").sub(" ", without(order, verbs)))
    pieces = [one for piece in PIECE.split(text) for one in _telling(piece)]
    worded = [one for one in pieces if ANY_MARK.sub("", one).strip(EDGES)]
    said = [order.expand(one).strip(EDGES).removeprefix("是") for one in worded]
    told = [one for one in said if not described or not _describes(one, described)]
    return re.sub("(?<=[a-z])，(?=[a-z])", " ", "，".join(told))[:200].strip(EDGES)


def _describes(piece: str, described: str) -> bool:
    """Has it these words, or is it one of them?"""
    said = usual(piece).replace(" ", "").lower()
    return described in said or said in described


def _telling(piece: str) -> list[str]:
    """What of a piece tells something: 挖矿的✱ only which one it is, 先别动 nothing."""
    if VERB in piece:
        return [one for one in _CUTS.split(piece) if one and tells(one)]
    if any(
        pattern(f"cues.{name}").search(piece)
        for name in ("inside.refused", "said.left_alone", "regardless", "tells_nothing")
    ):
        return []
    if _SUBJECT.match(piece):
        return [piece]
    bare = _AROUND.sub("", piece)
    return [bare] if tells(bare) or pattern("cues.inside.why").match(piece) else []


def told_in(skeleton: Skeleton) -> list[str]:
    """The pieces of an answer that tell something, without the names around them."""
    pieces = (one for piece in PIECE.split(skeleton.text) for one in _telling(piece))
    return [skeleton.expand(piece).strip(EDGES).removeprefix("是") for piece in pieces]


def verdict_in(skeleton: Skeleton) -> str:
    """The one that was said; 内部扫描导致的误报 is 误报."""
    said = list(dict.fromkeys(one.value for one in skeleton.found(Kind.VERDICT)))
    if not said:
        pieces = [one for one in map(str.strip, PIECE.split(skeleton.text)) if len(one) <= _WORD]
        return next((found for piece in pieces if (found := name_of("cues.answer", piece))), "")
    return (
        said[0] if len(said) == 1 else "false_positive" if set(said) == {"benign", "false_positive"} else ""
    )


def rest_of(skeleton: Skeleton, verbs: Sequence[SpokenVerb]) -> str:
    """Whatever a slash command says beside its verb and what it names."""
    text = without(skeleton, verbs, " ")
    said = " ".join(ANY_MARK.sub(" ", text).split()).strip(EDGES)
    return "" if said.upper() == "IP" else said[:200]


def tells(piece: str) -> bool:
    """Does it say something of its own, not only courtesy?"""
    bare = ANY_MARK.sub("", piece)
    for name in ("inside.benign", "harmless.any", "inside.polite"):
        bare = pattern(f"cues.{name}").sub("", bare)
    left = pattern("cues.unread.filler").sub("", bare)
    return len(left) > 1 or (len(bare) > 1 and pattern("reasons.evidence").search(bare) is not None)


# What is dictated


@dataclass(frozen=True, slots=True)
class Dictated:
    """One order with its text as it was typed; ``doubt``: why it is none; ``left``: what behind the text orders something else."""

    verb: SpokenVerb
    actions: tuple[Intent, ...] = ()
    doubt: str = ""
    left: tuple[str, ...] = ()


def read_dictated(whole: Skeleton, sentence: Sentence, focus: Focus) -> Dictated | None:
    """None where the first verb is another one."""
    if opened := _opened(whole, sentence):
        return opened
    verbs = verbs_in(whole)
    match verbs[0].tool if verbs else "":
        case "send_message":
            return _message(whole, verbs[0])
        case "remind" if whole.first(Kind.PERSON) is None:
            return Dictated(verbs[0], doubt="remind")
        case "comment_alert" | "comment_case" | "add_case_task":
            return _noted(whole, verbs[0], sentence, focus)
    return None


def _message(whole: Skeleton, verb: SpokenVerb) -> Dictated:
    """转告李四：A291 赶紧看下: what stands behind the person; 通知李四了吗 says nothing."""
    behind = [char for char in marks_of(whole, Kind.PERSON) if char in whole.text[verb.end :]]
    at = min((whole.text.index(char) for char in behind), default=verb.end - 1)
    text = pattern("cues.inside.saying").sub("", whole.expand(whole.text[at + 1 :]), count=1).strip(EDGES)
    doubt = find_doubt(Skeleton(whole.text[: at + 1], whole.entities), [verb])
    if doubt or pattern("cues.inside.was_said").match(text):
        return Dictated(verb, doubt=doubt or "question")
    about = Skeleton(whole.text[: verb.start], whole.entities).found(Kind.ALERT, Kind.IP, Kind.ASSET)
    text = " ".join([*(one.raw for one in about), text.removeprefix("的")]) if text else ""
    to = str(whole.entities[whole.text[at]].value) if behind else "值班"
    return Dictated(verb, (Intent("send_message", {"to": to} | ({"text": text} if text else {})),))


_TO_THE_ROBOT: Final = re.compile(
    r"[\s，,。；;]*(?:语气|口气|说话)(?:客气|委婉|温和|礼貌)[一]?[点些下]?儿?[哈吧啊呀哦]?[。！!]?$"
)
_ABOUT_HIM: Final = re.compile(
    r"(?:^|(?<=[\s，,。；;：:了]))(让|叫|请|麻烦|辛苦)(?:他|她|[Tt][Aa])(?![们的人妈爸老家机自])"
)


def addressed(order: Intent, people: Collection[str]) -> Intent:
    """A message in words to who gets it: 让他看一下 is 请你看一下, unless it names somebody of ``people`` or goes to several; without
    what is said to the robot (语气客气点)."""
    text, to = str(order.arguments.get("text", "")), str(order.arguments.get("to", ""))
    if order.tool != "send_message" or not text or not to or "," in to:
        return order
    text = _TO_THE_ROBOT.sub("", text)
    if not any(name in text for name in people):
        text = _ABOUT_HIM.sub(lambda match: f"{'请' if match[1] in '让叫' else match[1]}你", text)
    return replace(order, arguments={**order.arguments, "text": text})


ENOUGH: Final = re.compile(r"^\s*就(?:行|好|可以)了?(?=$|[\s,，。])")  # 加个备注就行 …
_HEAD: Final = re.compile(
    rf"\s*(?:给|到|在|进)?\s*(?P<named>(?:{mark(*WANTED['alert'], *WANTED['case'])}\s*)+)(?:里|中|上)?\s*[:：,，]?"
)


def _noted(whole: Skeleton, verb: SpokenVerb, sentence: Sentence, focus: Focus) -> Dictated | None:
    """A278 备注：…, 给E2记一笔 …, E1加个任务，查 …，王五做，明天12点前: of what is named before it, else right behind it."""
    before = Skeleton(whole.text[: verb.start], whole.entities)
    tail = ENOUGH.sub("", whole.text[verb.end :])
    if not before.first(*WANTED["alert"], *WANTED["case"], Kind.REF, Kind.ROW) and (
        named := _HEAD.match(tail)
    ):
        before, tail = Skeleton(f"{before.text}{named['named']}", whole.entities), tail[named.end() :]
    tool = verb.tool
    if tool in NOTES:
        of_case = before.first(Kind.CASE) or (focus.newest == "case" and not before.first(Kind.REF, Kind.ROW))
        tool = "comment_case" if of_case and not before.first(*WANTED["alert"]) else "comment_alert"
    said = f"{before.text}{VERB if tool not in NOTES else ''}"
    doubt = find_doubt(Skeleton(said, whole.entities), [])
    called = pattern("cues.inside.called").match(tail)
    text = tail[called.end() :] if called else tail
    marked = called and "：" in called[0].replace(":", "：")
    marked = marked or pattern("cues.inside.of_others").match(text) is not None  # 等王五确认是不是备份
    asked = not marked and (pattern("cues.asks").search(text) or pattern("cues.inside.was_said").match(text))
    if doubt or asked or pattern("cues.inside.was_noted").match(tail):
        return Dictated(verb, doubt=doubt or "question")
    text, left, bare = _ended(Skeleton(text, whole.entities), whole, spans_of(whole) if tool in NOTES else ())
    objects = [target(ACTS[tool], *one) for one in objects_of(ACTS[tool], (before,), focus)]
    if tool in NOTES and (bare or (left and not objects)):
        return None  # a note beside another order
    more = _task(Skeleton(text, whole.entities), sentence) if tool == "add_case_task" else {}
    kept = _as_typed(whole.expand(text).strip(EDGES)[:500], sentence.plain)
    more = more or ({ACTS[tool].free: kept} if kept else {})
    return Dictated(verb, tuple(Intent(tool, one | more) for one in objects or [{}]), left=left)


def _as_typed(text: str, plain: str) -> str:
    """With the commas between names that reading them took away."""
    spread = re.compile(r"[\s,，、/&和与跟及]*".join(map(re.escape, "".join(text.split()))))
    found = spread.search(plain)
    return found[0] if found else text


def _ended(said: Skeleton, whole: Skeleton, spans: Sequence[Stretch]) -> tuple[str, tuple[str, ...], bool]:
    """The text up to a clause that orders something else, that clause, and is it an order of the same thing: …，然后关了."""
    start = len(whole.text) - len(said.text)
    for border in CLAUSE.finditer(said.text):
        rest = Skeleton(said.text[border.end() :], said.entities)
        if pattern(f"cues.inside.{'of_others' if spans else 'doer'}").match(rest.text):
            continue
        verbs = verbs_in(rest)
        if not any(verb.tool in ACTS for verb in verbs) or find_doubt(rest, verbs):
            continue
        own = rest.first(Kind.ALERT, Kind.CASE) is not None
        ordered = order_at(spans, start + border.end()) is not None or not untaken_in(rest, verbs)
        if own or ordered:
            return said.text[: border.start()], (f"「{said.expand(rest.text).strip(EDGES)}」",), not own
    return said.text, (), False


def _task(said: Skeleton, sentence: Sentence) -> dict[str, Any]:
    """Its text without who does it and until when, where these are pieces of their own or begin it."""
    found: dict[str, Any] = {}
    kept: list[str] = []
    for part in pattern("cues.inside.pieces").split(said.text):
        rest, before = part.strip(), ""
        while rest != before:
            before = rest
            who = pattern("cues.inside.doer").fullmatch(rest) or pattern("cues.inside.doer_first").match(rest)
            if who and "assignee" not in found:
                named = next((said.entities[char] for char in who[0] if char in said.entities), None)
                found["assignee"], rest = str(named.value) if named else sentence.asker, rest[who.end() :]
            if "due" not in found and (due := _due(rest, said, sentence.now)):
                found["due"], rest = due
        kept += [said.expand(rest)] if rest else []
    text = "，".join(kept).strip(EDGES)
    return {"text": text, **found} if text else {}


def _due(piece: str, said: Skeleton, now: datetime) -> tuple[str, str] | None:
    """周三前核对 binlog: the moment, and what is to be done until then."""
    if match := pattern("cues.inside.due").match(piece):
        minutes = read_until(f"到{said.expand(match['end'])}", now)
        if minutes:
            return f"{moment_in(minutes, now):%Y-%m-%d %H:%M}", piece[match.end() :].strip(EDGES)
    return None


def case_parts(text: str, whole: Skeleton, asker: str) -> tuple[dict[str, Any], list[str]]:
    """The level and the owner of a case that are pieces of a text, and the other pieces: 高危 归我."""
    found: dict[str, Any] = {}
    kept: list[str] = []
    for piece in re.split(r"[\s,，。;；]+", text):
        if level := pattern("cues.inside.of_level").fullmatch(piece):
            found["severity"] = name_of("cues.level", level["level"])
        elif who := pattern("cues.inside.owner").fullmatch(piece):
            named = next((whole.entities[char] for char in who[0] if char in whole.entities), None)
            found["owner"] = str(named.value) if named else asker
        elif piece and not pattern("cues.inside.titled_by_us").fullmatch(piece):
            kept.append(whole.expand(piece))
    return found, kept


def _opened(whole: Skeleton, sentence: Sentence) -> Dictated | None:
    """建个事件：支付网关错误率飙高 高危 归我: a case by its title; …，把 A156 和 A31 都挂上: with these alerts."""
    match = pattern("cues.inside.opens").search(whole.text)
    if match is None:
        return None
    text = whole.text[match.end() :]
    put = pattern("cues.inside.put_in").search(text)
    within = Skeleton(text[: put.start()] if put else whole.text, whole.entities)
    if within.first(Kind.ALERT, Kind.ALERTS, Kind.REF, Kind.ROW, Kind.CASE):
        return None
    found: dict[str, Any] = {}
    if put:
        found["alerts"] = ",".join(map(str, numbers_of(Skeleton(put["alerts"], whole.entities))))
    more, kept = case_parts(text[: put.start()] if put else text, whole, sentence.asker)
    found |= more
    title = " ".join(kept).strip(EDGES)
    if len(title) < _TITLE:
        return None
    verb = SpokenVerb("create_case", match.start(), match.end(), "create_case")
    doubt = find_doubt(Skeleton(whole.text[: match.end()], whole.entities), [verb])
    doubt = doubt or ("question" if pattern("cues.asks").search(title[-2:]) else "")
    return Dictated(verb, (Intent("create_case", {"title": title[:200], **found}),), doubt)


def windowed(sentence: Sentence) -> tuple[Sentence, str]:
    """今晚12点到4点别报: the span as a length, and when it begins; "" where no silence is said to begin later."""
    text = timed(sentence.order, sentence.order.text)
    found = find_window(text, sentence.now) if pattern("cues.act.silence_alerts").search(text) else None
    if found is None:
        return sentence, ""
    start, minutes, span = found
    rest = pattern("times.ahead").sub("", text.replace(span, ""))
    kept = {char: one for char, one in sentence.order.entities.items() if char in rest}
    order = Skeleton(rest, kept)
    order.put(MaskedName(Kind.DURATION, f"{minutes}分钟", minutes, exact=False))
    return replace(sentence, order=order), f"{start:%Y-%m-%d %H:%M}"


def timed(whole: Skeleton, part: str) -> str:
    """With the times as they were typed: what is ahead is no range of the past."""
    return "".join(whole.entities[char].raw if char in marks_of(whole, Kind.TIME) else char for char in part)
