"""A short sentence behind an order: what it lacked, what is changed of it, added to it or left out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from secops_agent import says
from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, Skeleton, mark
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding.entities import Sentence, numbers_of, take_verdicts_and_numbers
from secops_agent.llm.understanding.focus import WRITTEN, Focus
from secops_agent.llm.understanding.hearing import SHORT
from secops_agent.llm.understanding.objects import (
    decided_anew,
    missing_in,
    named_in,
    objects_of,
    rows_in,
    target,
)
from secops_agent.llm.understanding.offers import LENGTHS, MOST, Ordered, Parts
from secops_agent.llm.understanding.questions import ELSE, Weighed
from secops_agent.llm.understanding.reasons import EDGES, case_parts, split_note, tells, told_in
from secops_agent.llm.understanding.telling import SPOKEN
from secops_agent.llm.understanding.verbs import (
    ACTS,
    MILD,
    NAMES,
    PIECE,
    WANTED,
    Act,
    SpokenVerb,
    find_doubt,
    first_doubt,
    verbs_in,
)

_BESIDE: Final[Mapping[str, tuple[Kind, ...]]] = {
    "verdict": (Kind.VERDICT,), "decision": (Kind.VERDICT,), "assignee": (Kind.PERSON,), "owner": (Kind.PERSON,), "severity": (Kind.SEVERITY,),
    "case_id": (Kind.CASE,), **dict.fromkeys(LENGTHS, (Kind.DURATION,)),
}  # fmt: skip
_OF_ADDRESS: Final = re.compile(r"(?<![\w.])((?:\d{1,3})?\.(?:\d{1,3}\.)?\d{1,3})(?![\w.:%])", re.ASCII)
# What is asked where something beside the object lacks.
_ASKED: Final = {
    "owner": "{what} 的负责人改为谁？", "severity": "{what} 改成哪个级别？", "case_id": "{what} 归入哪个事件？写事件编号。",
    "text": "要转告{what}什么？", "verdict": "关闭 {what} 的结论是什么？", "assignee": "{what} 指派给谁？",
    "note": "{what} 的备注写什么？", "decision": "{what} 标成什么？", "reason": "{what} {decided}的原因是什么？它会写进每一条的变更历史。",
    "task": "{what} 加什么任务？写要做的事。", "until": "{what} 的风险接受到哪一天为止？写「到12月31日」这样的，最长一年，到期恢复为待处理。",
    "justification": "{what} 为什么不受影响？写：没有这个组件、组件里没有有问题的代码、有问题的代码不会被执行、攻击者控制不了，或已有缓解措施。", "status": "{what} 改成哪个状态？写「处理中」或「已控制」。",
    **dict.fromkeys(LENGTHS, "{what} 到什么时候为止？写「2小时」或「到明早9点」这样的。"),
}  # fmt: skip
_LACKS: Final = {("note", "decide_findings"): "reason", ("text", "add_case_task"): "task"}
_ASKED_FIRST: Final = re.compile("^(原因|理由)\\s*[?？,，\\s]\\s*(?:就?写|是)?")  # 原因？写爆破
_DENIED_FIRST: Final = re.compile(r"(?:请|麻烦|我)?\s*(?:别|勿|不要|不用|没有?|取消|停止|拒绝|千万别)")
_PASSED_ON: Final = re.compile(
    r"(?:请|麻烦)?(?:转告|告诉|告知|通知)[^\s，,:：]{1,12}[:：]"
)  # its text is nobody's order
_LOOKS: Final = re.compile(r"[\s,，]*我?[先再]?(?:看看|想想|看一下)?[吧\s。]*")  # 我再看看: why
_SHORT: Final = 10  # characters that say something, of an answer to what was asked back
LEAVES: Final = ("exception", "negation")  # speak against what is named, or the whole order


def without_turns(skeleton: Skeleton) -> tuple[Skeleton, bool]:
    """What is said without the words of a change, and was it one: 等等 改成两小时, 算了只要第一个, 不是 A13 是 A14."""
    text = _ASKED_FIRST.sub(r"\1：", pattern("cues.said.instead").sub(" ", skeleton.text))
    rest = pattern("cues.said.turns").sub("", text)
    while rest.strip(EDGES) and rest != (
        more := pattern("cues.said.turns").sub("", rest)
    ):  # 等下不对 应该是…
        rest = more
    rest = rest if rest.strip(EDGES) else text
    changes = rest != skeleton.text or pattern("cues.said.changes").search(text) is not None
    return Skeleton(rest, skeleton.entities), changes


def beside_refusal(sentence: Sentence, focus: Focus) -> str | None:
    """What else is said where a piece of it takes the whole open order back: 不封了，先看看它打过谁; 啊不对 别关 给李四. None where none does, and
    where what lacks is a text, which may begin so."""
    orders, said = open_orders(focus), take_verdicts_and_numbers(sentence.order)
    joined = re.sub(rf"(?<={ANY_MARK.pattern})\s+", "", said.text)  # node-2 的不用盯了 speaks of that one
    pieces = [one for one in PIECE.split(joined) if one and one.strip(EDGES)]
    refused = [one for one in pieces if _refuses(Skeleton(one, said.entities), orders)]
    if not refused or missing_in(orders) in ("text", "note"):
        return None
    rest: Iterable[str] = (
        without_turns(Skeleton(one, said.entities))[0].text
        for one in pieces
        if one not in refused and not _LOOKS.fullmatch(one)
    )
    if any(one.strip(EDGES).startswith("不是") for one in refused):  # 不是关，是给我
        rest = (re.sub(r"^\s*(?:就|应该)?是(?=给|转|派|关|确认|静默|封|隔离|盯)", "", one) for one in rest)
    return said.expand(
        "，".join(one for one in rest if pattern("cues.said.turns").sub("", f"{one}，").strip(EDGES))
    )


def _refuses(piece: Skeleton, orders: Sequence[Intent]) -> bool:
    """别关, 先不封了, 取消吧, 先不要发; and that it is what the order calls it: 那个不是误报."""
    said, tools = without_turns(piece)[0], {one.tool for one in orders}
    verbs, text = verbs_in(said), said.text.strip(EDGES)
    denied = said.first(Kind.VERDICT) and pattern("cues.said.not_so").search(text)
    one_of_several = len(orders) > 1 and NAMES.search(text)  # A12不是误报
    if "close_alert" in tools and denied and not one_of_several:
        return True
    if (
        NAMES.search(text)
        or _OF_ADDRESS.search(said.text)
        or pattern("cues.inside.the_rest").search(f"{text}。")
    ):
        return False
    if pattern("cues.said.withdraws").fullmatch(said.expand(text)):  # 这个封禁先撤了吧
        return {verb.tool for verb in verbs} & {*ACTS} <= tools
    if not {verb.tool for verb in verbs} & {*ACTS} or tools <= {*MILD}:  # 别发了, of a message
        return pattern("cues.said.refuses").fullmatch(text) is not None
    return {verb.tool for verb in verbs} <= tools and find_doubt(said, verbs) == "negation"


def against(rest: Skeleton) -> str:
    """What in it speaks against an order, a denial before a question."""
    doubt = find_doubt(rest, verbs_in(rest))
    return (first_doubt(rest.text, ("negation",)) if doubt in ("", "question") else "") or doubt


def is_bare(sentence: Sentence, verbs: Sequence[SpokenVerb]) -> bool:
    """封, 转给我, 那隔离下: nothing but the verb and who; 封了 may be a report."""
    text = sentence.order.text.strip(EDGES)
    for verb in verbs:
        text = pattern(f"cues.act.{verb.words}").sub("", text)
    left = pattern("cues.unread.filler").sub("", re.sub(mark(Kind.PERSON, Kind.REF), "", text))
    return not left.strip(EDGES) and not sentence.plain.rstrip(EDGES).endswith("了")


def _without_denied(rest: Skeleton) -> Skeleton:
    """What is named without what is denied: 静默1和2 3不压."""
    denied = rf"{ANY_MARK.pattern}\s*(?:先|就|都)*[不别]"
    pieces = PIECE.split(re.sub(rf"(?<={ANY_MARK.pattern})\s+(?={denied})", "，", rest.text))
    return Skeleton("，".join(one for one in pieces if one and not re.match(denied, one)), rest.entities)


def adds_to(text: str) -> bool:
    """A13也是, but not 也看看."""
    return bool(pattern("cues.said.adds").search(text)) and not pattern("cues.ask.see").search(text)


def open_orders(focus: Focus) -> tuple[Intent, ...]:
    """What was ordered and not done."""
    return tuple(one for one in (focus.order, *focus.beside) if one and one.tool in ACTS)


def says_order(order: Intent) -> str:
    """An open order in a few words: 关闭 A12."""
    act = ACTS[order.tool]
    value = str(order.arguments.get(act.argument, ""))
    return f"{act.verb} {says.code(value) if act.argument == 'alert_id' else value}".strip()


def named_among(orders: Sequence[Intent], said: Skeleton, focus: Focus) -> tuple[Intent, ...]:
    """Those of the open orders that are meant by their name, or by their place: of the offer, or of the list that they come from; none
    where the two differ."""
    if (places := rows_in(said)) and not numbers_of(said):
        _, rows = focus.rows(places)
        listed = tuple(one for one in orders if str(one.arguments.get(ACTS[one.tool].argument)) in rows)
        placed = tuple(orders[i] for i in places if -len(orders) <= i < len(orders))
        return listed or placed if not (listed and placed) or listed == placed else ()

    if len(orders) == 2 and (side := pattern("cues.said.of_two").search(said.text)):
        return (orders[-1 if side["last"] else 0],)

    people = {one.value for one in said.found(Kind.PERSON)}  # 李四请假 其他的先别派: what was to be his

    def is_named(order: Intent) -> bool:
        act = ACTS[order.tool]
        objects = [target(act, kind, value) for kind in act.kinds for value in named_in(kind, said)]
        ends = _OF_ADDRESS.findall(said.text)
        ended = any(str(order.arguments.get("ip", "")).endswith(f".{one.lstrip('.')}") for one in ends)
        whose = not objects and order.arguments.get("assignee") in people
        return ended or whose or any(order.arguments.items() >= one.items() for one in objects)

    return tuple(filter(is_named, orders))


def redecided(sentence: Sentence, focus: Focus) -> tuple[Intent, ...]:
    """The open decisions with the whole sentence as the reason that was asked for; none where it is anything else: a question, an
    order, another thing."""
    orders, said = open_orders(focus), take_verdicts_and_numbers(sentence.order)
    if not orders or orders[0].tool != "decide_findings" or missing_in(orders) != "note" or verbs_in(said):
        return ()
    other = NAMES.search(said.text) or pattern("cues.said.asks").search(sentence.plain)
    if other or pattern("cues.inside.no_reason").search(sentence.plain) or not tells(said.text):
        return ()
    return tuple(
        replace(one, arguments={**one.arguments, "note": sentence.plain.strip()[:500]}) for one in orders
    )


@dataclass(frozen=True, slots=True)
class _Reply:
    """What is said to an open order: ``values`` of it, pieces that ``tell`` something of their own, a labelled ``note``; ``certain``: a value
    that stands beside its object was said, and no other object."""

    values: Skeleton
    told: tuple[str, ...]
    note: str
    certain: bool = False


def _reply(order: Intent, rest: Skeleton) -> _Reply:
    """By its pieces; where no value is certain nothing is told apart."""
    act, (beside, note) = ACTS[order.tool], split_note(rest)
    objects, own = [kind for name in act.kinds for kind in WANTED[name]], _BESIDE.get(act.beside, ())
    takes = re.compile(
        mark(*objects, *own) + (f"|{_OF_ADDRESS.pattern}" if "ip" in act.kinds else ""), re.ASCII
    )
    pieces = PIECE.split(re.sub(rf"(?<={mark(*own)})\s", "，", beside.text) if own else beside.text)
    values, told = list[str](), list[str]()
    for piece in filter(None, (one.strip(EDGES) for one in pieces)):
        left = pattern("cues.unread.filler").sub(
            "", takes.sub("", pattern("cues.said.of_value").sub("", piece))
        )
        is_value = takes.search(piece) or name_of("cues.answer", piece) or not left.strip(EDGES)
        (values if is_value and len(left.strip(EDGES)) < 2 and not ANY_MARK.search(left) else told).append(
            piece
        )
    said = Skeleton("，".join(values), rest.entities)
    if values and any(_orders_else(Skeleton(one, rest.entities), order) for one in told):
        return _Reply(Skeleton("", rest.entities), (), "")
    named = beside.first(*objects) and not pattern("cues.said.only_for").search(beside.text)
    if named or not said.first(*own) or (told and not act.free):
        return _Reply(beside, (), note)
    return _Reply(
        said, tuple(rest.expand(one) for one in told if NAMES.search(one) or tells(one)), note, certain=True
    )


def _orders_else(piece: Skeleton, order: Intent) -> bool:
    """另外把A12关了: no reason, but an order of its own; 已经封了源 is none."""
    verbs = {verb.tool for verb in verbs_in(piece)} & {*ACTS}
    return bool(verbs - {order.tool}) and re.match("[已刚都在被]", piece.text) is None


def tells_more(rest: Skeleton, order: Intent) -> bool:
    """Is it more than what completes this order: a question, another object, 王五今天休假? Beside a value whatever is told is why: 3小时，李四在跑脚本."""
    reply = _reply(order, rest)
    if pattern("cues.said.asks").search(rest.text) or (
        len(pattern("cues.unread.filler").sub("", reply.values.text)) > _SHORT
    ):
        return True
    if reply.certain or missing_in([order]):
        return False
    dated = rest.first(Kind.TIME) and ACTS[order.tool].beside not in LENGTHS
    told = NAMES.search(reply.values.text) and (dated or tells(reply.values.text))
    return bool(told or rest.first(*WANTED[ACTS[order.tool].kinds[0]]))


def complete(sentence: Sentence, rest: Skeleton, focus: Focus, *, changes: bool) -> tuple[Intent, ...]:
    """The orders that waited for what this sentence says: 第一条, A222, 李四, 误报, 爆破, 改成两小时, 不对 是 web-03."""
    orders = open_orders(focus)
    rest = _without_denied(rest) if missing_in(orders) == "object" else rest
    act, reply = ACTS[orders[0].tool], _reply(orders[0], rest)
    objects = objects_of(act, (reply.values,), replace(focus, named={}))
    targets = [target(act, kind, value) for kind, value in objects]
    if targets and _is_of_family(act, reply.values, focus):
        return ()
    said = _beside(act, reply, rest, sentence, focus, quiet=bool(targets or changes))
    if not said and not targets:
        return ()
    again = [one for one in orders if any(one.arguments.items() >= each.items() for each in targets)]
    if said and again and len(orders) > len(again) == len(targets):  # 291 是真的, of several
        return tuple(
            replace(one, arguments={**one.arguments, **said}) if one in again else one for one in orders
        )
    if len(orders) > 1 and not targets:
        same = (one for one in orders if one.tool == act.tool)
        return tuple(replace(one, arguments=decided_anew({**one.arguments}, said)) for one in same)
    targets = [_narrowed(orders[0], one, reply.values) for one in targets]
    old = decided_anew({**orders[0].arguments}, said)
    return tuple(Intent(act.tool, {**old, **one}) for one in (targets or [{}])[:MOST])


def _is_of_family(act: Act, said: Skeleton, focus: Focus) -> bool:
    """1和2, behind a list of pay-gateway*: of hosts or of alerts, nobody can tell."""
    asked = focus.last.arguments if focus.last else {}
    family = "asset" in act.kinds and str(asked.get("asset", "")).endswith("*")
    return family and any(one.raw.strip().isdecimal() for one in said.found(*WANTED["alert"]))


def _beside(
    act: Act, reply: _Reply, rest: Skeleton, sentence: Sentence, focus: Focus, *, quiet: bool
) -> dict[str, Any]:
    """What is said beside an object: the verdict, who, how long, why; ``quiet``: what is not called the reason is none."""
    values, note = reply.values, reply.note
    said = Parts(values, values, sentence, focus, {}).beside(act, None, (values,))
    kept = said and act.free in open_orders(focus)[0].arguments  # 到12月31日: why was said before
    told = [] if quiet or kept else told_in(values)
    told = [one for one in told if one and not name_of("cues.answer", one) and not re.match("[只仅就]", one)]
    reason = note.strip(EDGES).removeprefix("都是") or "，".join((*told, *reply.told))
    parts, rest_of_case = case_parts(values.text, values, sentence.asker) if act.free == "title" else ({}, [])
    said |= {act.free: reason} if act.free and reason and not (parts and not rest_of_case) else {}
    return said | parts


def _narrowed(order: Intent, said: dict[str, Any], skeleton: Skeleton) -> dict[str, Any]:
    """只静默 web-01 上的, of a rule: the rule on this host; 整台 web-01 is the host."""
    rule, _, _ = str(order.arguments.get("scope", "")).partition(" @ ")
    host = str(said.get("scope", "")).removeprefix("资产:")
    whole = host == said.get("scope", "") or pattern("cues.said.whole_host").search(skeleton.text)
    return said if whole or not rule.startswith("规则:") else {"scope": f"{rule} @ {host}"}


def lacking(first: Intent, actions: Sequence[Intent], missing: str) -> tuple[list[str], str]:
    """What the order is done to, as the lines that complete it write it; and the question for what it lacks."""
    act = ACTS[first.tool]
    own = [one for one in actions if one.tool == first.tool and act.argument in one.arguments]
    values = [str(one.arguments[act.argument]) for one in own]
    what = "、".join(map(says.code, values)) if act.argument == "alert_id" else "、".join(values)
    what = WRITTEN["case"].format(what) if act.argument == "case_id" and what.isdecimal() else what
    decided = says.DECISIONS.get(str(first.arguments.get("decision", "")), "")
    return values, _ASKED[_LACKS.get((missing, first.tool), missing)].format(what=what, decided=decided)


def is_likely(ordered: Ordered, sentence: Sentence, weighed: Weighed, typed: Weighed) -> bool:
    """Is it an order, by the ranker? A form of one speaks for itself, if it is not certainly something else."""
    if ordered.actions and _PASSED_ON.match(sentence.plain):
        return True
    if ordered.actions and all(verb.words == SPOKEN for verb in ordered.verbs):
        return any(one.may_be_spoken for one in (weighed, typed)) and not _DENIED_FIRST.match(sentence.plain)
    if not ordered.actions and len(sentence.plain) <= SHORT and weighed.asked < ELSE:
        return True  # 恢复动作: where that is done is told
    lacks = ordered.missing if ordered.actions else "page"
    bare = not lacks and is_bare(sentence, ordered.verbs)
    return bare or any(one.is_order(lacks) for one in (weighed, typed))
