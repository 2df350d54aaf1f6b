"""Verbs that order, wherever they stand, and what speaks against an order.

With its verbs set aside a sentence is searched for a question, a denial, somebody else's words; and each clause for what nothing
explains. Words stand in `cues.toml`: ``[act]``, ``[nothing]``, ``[harmless]``, ``[inside]``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Kind, Names, Skeleton, mark
from secops_agent.llm.offline.words import load, pattern


@dataclass(frozen=True, slots=True)
class Act:
    """What can be ordered: the kinds that it is done to, as a focus names them; the argument that names the object, the one for
    free text, and ``beside`` what else is said; which of these it ``demands``; what is asked when there is no object; the verb
    of its exact line; ``noted``: it takes a note that is called so."""

    tool: str
    kinds: tuple[str, ...]
    argument: str
    which: str
    verb: str
    free: str = ""
    beside: str = ""
    demands: str = ""
    noted: bool = False


ACTS: Final[Mapping[str, Act]] = {
    act.tool: act
    for act in (
        Act("block_ip", ("ip",), "ip", "哪个 IP", "封禁", "reason", "duration_minutes"),
        Act("isolate_host", ("asset",), "asset", "哪台主机", "隔离", "reason"),
        Act("unblock_ip", ("ip",), "ip", "哪个 IP", "解封", "reason"),
        Act("mistaken_block", ("ip", "asset"), "target", "哪个 IP 或哪台主机", "误封", "reason"),
        Act("release_host", ("asset",), "asset", "哪台主机", "解除隔离", "reason"),
        Act("close_alert", ("alert",), "alert_id", "哪条告警", "关闭", "note", "verdict", "verdict"),
        Act("acknowledge_alert", ("alert",), "alert_id", "哪条告警", "确认", "note"),
        Act("assign_alert", ("alert",), "alert_id", "哪条告警", "指派", "", "assignee", "assignee", True),
        Act("unassign_alert", ("alert",), "alert_id", "哪条告警", "取消指派", "note"),
        Act("reopen_alert", ("alert",), "alert_id", "哪条告警", "重新打开", "note"),
        Act("comment_alert", ("alert",), "alert_id", "哪条告警", "备注", "note", "", "note"),
        Act("silence_alerts", ("alert", "asset"), "scope", "哪条告警或哪台资产", "静默", "reason", "minutes"),
        Act("end_silence", ("alert", "asset"), "scope", "哪条告警、哪台资产或哪条规则", "取消静默"),
        Act("set_severity", ("alert",), "alert_id", "哪条告警", "改级别", "", "severity", "severity", True),
        Act("set_owner", ("asset",), "asset", "哪个资产", "改负责人", "", "owner", "owner"),
        Act(
            "watch",
            ("asset", "ip", "alert"),
            "target",
            "哪台资产、哪个地址、哪条规则或哪个级别",
            "盯着",
            "",
            "until_hours",
        ),
        Act("delete_schedule", ("schedule",), "schedule_id", "哪个定时任务（写编号）", "删除定时任务"),
        Act("close_case", ("case",), "case_id", "哪个事件", "关闭事件", "note", "verdict", "verdict"),
        Act("assign_case", ("case",), "case_id", "哪个事件", "转交事件", "", "assignee", "assignee"),
        Act("reopen_case", ("case",), "case_id", "哪个事件", "重新打开事件", "note"),
        Act("comment_case", ("case",), "case_id", "哪个事件", "备注", "note", "", "note"),
        Act("set_case_status", ("case",), "case_id", "哪个事件", "改状态", "note", "status", "status"),
        Act("add_case_task", ("case",), "case_id", "哪个事件", "加任务", "text", "", "text"),
        Act("finish_case_task", ("case",), "case_id", "哪个事件", "完成任务", "task"),
        Act("create_case", ("alert",), "alerts", "哪几条告警", "建事件", "title"),
        Act("add_case_alerts", ("alert",), "alerts", "哪几条告警", "归入事件", "", "case_id", "case_id"),
        Act("assign_finding", ("finding", "cve"), "findings", "哪些发现", "指派", "", "assignee", "assignee"),
        Act(
            "decide_findings",
            ("finding", "cve"),
            "findings",
            "哪些发现",
            "决定",
            "note",
            "decision",
            "decision",
        ),
        Act("send_message", ("person",), "to", "谁", "转告", "text", "", "text"),
    )
}
# What may be said instead of the argument that an act demands.
INSTEAD: Final = {"send_message": ("report", "date", "case")}
# Done in our own data and for people to read: what is doubtful about them is seen in the offer.
MILD: Final = (
    "send_message",
    "create_schedule",
    "change_schedule",
    "delete_schedule",
    "watch",
    "comment_alert",
    "comment_case",
)
NOTES: Final = ("comment_alert", "comment_case")
DICTATED: Final = (*NOTES, "send_message", "add_case_task")  # what stands behind these is text
LIMITS: Final = "limits"  # in the place of an action: within what time things must be dealt with
OUTSIDE: Final = ("block_ip", "isolate_host", "unblock_ip", "release_host")
# What the ranker calls an action that a tool of another name does.
LABELLED: Final = {
    "accept_risk": "decide_findings",
    "case_state": "set_case_status",
    "finish_task": "finish_case_task",
}
# What takes an action back: said of one that was not done it calls it off.
UNDOES: Final = {
    "block_ip": "unblock_ip", "isolate_host": "release_host", "close_alert": "reopen_alert", "assign_alert": "unassign_alert",
    "silence_alerts": "end_silence",
}  # fmt: skip
# Of a case what is of an alert where no alert is named.
_OF_CASE: Final = {
    "close_alert": "close_case", "assign_alert": "assign_case", "reopen_alert": "reopen_case", "comment_alert": "comment_case",
}  # fmt: skip
# Of findings what is of alerts where findings or vulnerabilities are named, or were listed.
OF_FINDING: Final = {"close_alert": "decide_findings", "assign_alert": "assign_finding"}
# Verbs that are of the same action, whatever it is done to.
SAME_AS: Final[Mapping[str, tuple[str, ...]]] = {
    **{tool: tuple(filter(None, (of_case, OF_FINDING.get(tool)))) for tool, of_case in _OF_CASE.items()},
    **{of_case: (tool,) for tool, of_case in _OF_CASE.items()},
    "unblock_ip": ("mistaken_block", "release_host"), "release_host": ("mistaken_block", "unblock_ip"),
    "set_case_status": ("close_case", "reopen_case"), "create_case": ("add_case_alerts",),
}  # fmt: skip
# What has to be said with a decision, as the page asks for it.
NEEDS: Final = {
    "accepted": ("until", "note"), "not_affected": ("justification", "note"), "false_positive": ("note",), "fixed": ("note",),
}  # fmt: skip
_OF_CASE_ONLY: Final = ("set_case_status", "add_case_task", "finish_case_task")
# What a page does, and other verbs of what no tool does: read, so that nothing else is made of them.
PAGES: Final = ("allow", "export", "join_assets", "switches")
LIKE: Final[Mapping[str, tuple[str, ...]]] = {"other": ("asset",), **dict.fromkeys((*PAGES, "remind"), ())}
WANTED: Final[Mapping[str, tuple[Kind, ...]]] = {
    "ip": (Kind.IP, Kind.ASSET_IP),
    "asset": (Kind.ASSET, Kind.ASSET_IP, Kind.HOST),
    "alert": (Kind.ALERT, Kind.ALERTS, Kind.NUMBER),
    "schedule": (Kind.SCHEDULE,),
    "case": (Kind.CASE,),
    "person": (Kind.PERSON,),
    "finding": (Kind.FINDING,),
    "cve": (Kind.CVE,),
}
# …，A1再静默: A1 is in the clause of its verb.
_OBJECTS: Final = (Kind.ALERT, Kind.NUMBER, Kind.IP, Kind.ASSET)
_ENDED: Final = r"(?<=吧)(?<![网酒贴]吧)(?=[一-鿿\ue000-\uf8ff])"  # 隔了吧先别管业务
CLAUSE: Final = re.compile(
    rf"[,，;；。!！~、\n]+|{_ENDED}|(?<![,，;；。\s]{mark(*_OBJECTS)})(?<=\S)再(?=\S)|(?<=\S)(?:然后|顺[便手]|同时|另外|并且?|接着|\band\b)(?=\S)|\s+(?:and|ranhou)\s+|\s{{2,}}"
)
_JOINS: Final = f"A-Za-z&'{ANY_MARK.pattern[1:-1]}"  # A12 A13 is one piece, and so is an English sentence
PIECE: Final = re.compile(
    rf"{CLAUSE.pattern}|\s+(?![{_JOINS}])|(?<![{_JOINS}])\s+|(?<={mark(Kind.PERSON, Kind.VERDICT, Kind.DURATION)})\s+(?={mark(Kind.ALERT, Kind.IP, Kind.ASSET, Kind.ROW, Kind.CVE, Kind.FINDING)})"
)  # A12派李四 A13派王五 are two
_NOT_DONE: Final = re.compile("(?:还|都|仍)?没(?:有)?(?:人)?[a-z一-鿿]{1,4}的$")  # 没ack的: which are meant
_HOW_MANY: Final = re.compile(r"[掉闭完]?[了过]?(?:多少|几[条台起]|几个(?!小时|钟|月|星期|礼拜)|哪)")
_WAS_DONE: Final = re.compile("(?:都|已经?)*[做弄跑搞查]?[完过好]了?(?=$|[,，。;；\\s])")
NAMES: Final = re.compile(mark(*(kind for kind in Kind if kind not in (Kind.VERDICT, Kind.REF))))
_LABEL: Final = re.compile(
    r"\s*(?:请|帮我|顺便|再|那|都|给?它|,|，|\s)*(?:加|写|补|留)?(?:上)?(?:一?[个条句下])?(?:备注|评论|记一笔|留?言)(?:一?下)?\s*[:：,，\s]"
)
_BRIEF: Final = 8  # characters that order something of what was spoken of: 建个事件
_MOST_VERBS: Final = 20
_TELLS_WHY: Final = 5  # characters; less can only take an order back
VERB: Final = "✱"  # stands for a verb in the patterns of ``[nothing]``
_TO_VERB: Final = re.compile(rf"(?<={ANY_MARK.pattern})\s+(?={VERB})")


@dataclass(frozen=True, slots=True)
class SpokenVerb:
    """A verb at its place; ``words``: its list of ``[act]``."""

    tool: str
    start: int
    end: int
    words: str


def verbs_in(skeleton: Skeleton) -> list[SpokenVerb]:
    """The verbs in their order, the longest at each place; an alert beside a verdict is a verb by itself. Of more than people say
    in one message none: each costs as much as all before it."""
    return list(_verbs_in(skeleton.text, skeleton.names))


@lru_cache(maxsize=512)
def _verbs_in(text: str, names: Names) -> tuple[SpokenVerb, ...]:
    """A sentence and each part of it is looked through many times."""
    skeleton = Skeleton(text, dict(names))
    found = [
        SpokenVerb(tool, match.start(), match.end(), tool)
        for tool in load("cues")["act"]
        for match in pattern(f"cues.act.{tool}").finditer(text)
        if match.end() > match.start()
        and not _is_state(tool, text, match, skeleton)
        and _is_possible(tool, skeleton)
    ]
    found.sort(key=lambda verb: (verb.start, verb.start - verb.end, not has_object(verb.tool, skeleton)))
    kept: list[SpokenVerb] = []
    for verb in found:
        if not kept or verb.start >= kept[-1].end:
            kept.append(verb)
    if len(kept) > _MOST_VERBS:
        return ()
    kept = [replace(verb, tool=_tool_of(verb.tool, skeleton)) for verb in kept]
    opened = [it for it in kept if it.tool == "reopen_alert" and not text.startswith("关错", it.start)]
    if opened:  # 重开，关错了: the second is why
        kept = [verb for verb in kept if verb.tool != "reopen_alert" or verb in opened]
    tools = {verb.tool for verb in kept}
    about_alert = skeleton.first(*WANTED["alert"], Kind.REF, Kind.ROW)
    at = next((i for i, char in enumerate(text) if char in marks_of(skeleton, Kind.VERDICT)), -1)
    if at >= 0 and about_alert and not tools & {"close_alert", "reopen_alert", "decide_findings"}:
        return (
            *(verb for verb in kept if verb.tool != "acknowledge_alert"),
            SpokenVerb("close_alert", at, at, "close_alert"),
        )
    return tuple(kept)


def _is_state(tool: str, text: str, match: re.Match[str], skeleton: Skeleton) -> bool:
    """Does it say which alerts are meant (未分配的, 指派给我的告警), ask how many (关了几条), or what was done (杀毒做完了)?"""
    if text[match.start() - 1 : match.start()] in ("未", "待") or _NOT_DONE.search(text, 0, match.end() + 1):
        return True
    if _HOW_MANY.match(text, match.end()) or (tool == "other" and _WAS_DONE.match(text, match.end())):
        return True
    after = text[match.end() :].removeprefix("给")
    people = {"我", "咱", *marks_of(skeleton, Kind.PERSON)}
    return tool == "assign_alert" and after[:1] in people and after[1:2] == "的"


def named_as(tool: str, verbs: list[SpokenVerb]) -> list[SpokenVerb]:
    """The verbs; with a ``tool`` that they do not name its one, in the place of the first."""
    if not tool or any(verb.tool == tool for verb in verbs):
        return verbs
    start, end = next(((verb.start, verb.end) for verb in verbs if verb.tool in ACTS), (0, 0))
    return [SpokenVerb(tool, start, end, tool)]


def marks_of(skeleton: Skeleton, kind: Kind) -> set[str]:
    return {char for char, one in skeleton.entities.items() if one.kind is kind}


def _is_possible(tool: str, skeleton: Skeleton) -> bool:
    """A verb without anything it could be done to is a word of the question."""
    if tool == "delete_schedule":
        return bool(skeleton.first(Kind.SCHEDULE) or pattern("cues.noun.schedule").search(skeleton.text))
    if tool == "create_case" and any(one.value == "duplicate" for one in skeleton.found(Kind.VERDICT)):
        return False  # 合成重复
    if tool == "decide_findings":
        return skeleton.first(*WANTED["alert"], *WANTED["case"]) is None
    if tool == "set_severity":
        return skeleton.first(*WANTED["alert"], Kind.REF, Kind.ROW) is not None
    if tool == "set_owner":
        return skeleton.first(*WANTED["asset"]) is not None and skeleton.first(*WANTED["alert"]) is None
    if tool in _OF_CASE_ONLY:
        return skeleton.first(Kind.CASE) is not None
    if tool in ("create_case", "comment_alert", "unassign_alert"):
        spoken = tool != "unassign_alert" and (skeleton.first(Kind.REF) or len(skeleton.text) <= _BRIEF)
        kinds = (*WANTED["alert"], *WANTED["case"]) if tool == "comment_alert" else WANTED["alert"]
        spoken = spoken or (tool == "comment_alert" and _LABEL.match(skeleton.text) is not None)
        return bool(spoken) or skeleton.first(*kinds) is not None
    return not (tool == "close_alert" and skeleton.first(Kind.SCHEDULE))


def _tool_of(tool: str, skeleton: Skeleton) -> str:
    """Where no alert is named, a case is closed and handed over; alerts are put into the case that is named."""
    if tool == "unblock_ip" and skeleton.first(Kind.ASSET) and not skeleton.first(Kind.IP):
        return "release_host"
    of_finding = skeleton.first(*WANTED["finding"], *WANTED["cve"]) and not skeleton.first(*WANTED["alert"])
    if of_finding and tool in OF_FINDING and not pattern("cues.noun.alert").search(skeleton.text):
        return OF_FINDING[tool]
    of_case = {} if skeleton.first(*WANTED["alert"]) else _OF_CASE
    return (
        {"create_case": "add_case_alerts", **of_case}.get(tool, tool) if skeleton.first(Kind.CASE) else tool
    )


def has_object(tool: str, skeleton: Skeleton) -> bool:
    """Is anything named that it can be done to? A page is there for whatever is named."""
    kinds = ACTS[tool].kinds if tool in ACTS else LIKE[tool]
    return tool in PAGES or any(skeleton.first(*WANTED[kind]) for kind in kinds)


def without(skeleton: Skeleton, verbs: Sequence[SpokenVerb], mark: str = VERB) -> str:
    """The text with a mark in the place of these verbs."""
    text = skeleton.text
    for verb in sorted(verbs, key=lambda one: -one.start):
        text = f"{text[: verb.start]}{mark}{text[verb.end :]}"
    return text


def find_doubt(skeleton: Skeleton, verbs: Sequence[SpokenVerb], note: str = "") -> str:
    """The name in ``[nothing]`` of what keeps the sentence from ordering, whatever the ranker says: what nobody can pick out, a later
    time, marks of quotation, a supposition; in the piece of a verb, or in a few words of their own, a denial or a question."""
    # 杀毒和恢复都做完了: of others nothing is ordered here
    verbs = [verb for verb in verbs if verb.tool in ACTS] or verbs
    tools, text = {verb.tool for verb in verbs}, without(skeleton, verbs)
    if of_whole := _doubt_of_whole(skeleton, verbs):
        return of_whole
    text = without_harmless(pattern("cues.said.either").sub("谁", text), tools)  # 能不能静默 asks, as 谁 does
    joined = _TO_VERB.sub("", text)  # 不要把 A12 转给李四 is one piece
    written = any(verb.end > verb.start for verb in verbs)  # else the whole sentence is the order
    beside = [one for one in PIECE.split(joined) if VERB in one or not written]
    pieces = [one for one in re.split(rf"[\s,，。;；!！~]+|{_ENDED}", f"{text}，{note}") if one]
    apart = [*filter(_is_answer, pieces), note]
    if supposed := _supposed(text, note, tools):
        return supposed
    denied = pattern("cues.nothing.negation")
    acts = {char for verb in verbs for char in skeleton.text[verb.start : verb.end] if char != "了"}
    again = [one for one in apart if acts & {*one} and len(one) < _TELLS_WHY]  # 隔了吧，别隔
    waits = [one for one in pieces if tools & {*OUTSIDE} and pattern("cues.inside.waits").match(one)]
    refused = any(map(pattern("cues.inside.refused").search, apart))
    if waits or refused or any(map(denied.search, (*beside, *again))):
        return "negation"
    asks = pattern("cues.asks")
    whole = asks.match(text) or any(map(pattern("cues.inside.whether").match, pieces[-1:]))
    told = (one.removesuffix("呢") or one for one in apart)  # 隔离了吧 挖矿呢: why, no question
    if whole or any(map(asks.search, (*beside, *told))):
        return "question"
    if _is_framed(skeleton, without(skeleton, verbs)):
        return "nothing"
    of_alerts = any("alert" in ACTS[one].kinds for one in tools & ACTS.keys())
    return "unclear" if skeleton.found(Kind.NUMBER) and not of_alerts else ""


def _supposed(text: str, note: str, tools: Collection[str]) -> str:
    """Is it quoted, or does it depend on something? 再有告警就叫我 is what a watch is for."""
    watches = "watch" in tools and {*tools} <= {"watch", "send_message", "remind"}
    if first_doubt(text, ("quotation",)):
        return "quotation"
    return "" if watches else first_doubt(f"{text}，{note}", ("condition",))


def _is_framed(skeleton: Skeleton, text: str) -> bool:
    """打算…, 老板说…, …的人, …失败: does it begin as a plan or a report, or end as the name of a thing?"""
    begins = text.lstrip(f"请{VERB} ")
    leads = map(pattern("cues.inside.leads").match, (begins, skeleton.expand(begins)))
    return any(leads) or pattern("cues.inside.tails").search(text) is not None


def without_harmless(text: str, tools: Collection[str] = ()) -> str:
    """Without what takes nothing back beside an order, or beside one to these tools."""
    for name in ("any", *(load("cues")["harmless"].keys() & {*tools})):
        text = pattern(f"cues.harmless.{name}").sub(" ", text)
    return text


def _is_answer(piece: str) -> bool:
    """算了, 可以吗: a few words that name nothing, and so speak of the order itself."""
    return len(piece) < _TELLS_WHY and not (VERB in piece or NAMES.search(piece))


def is_apart(piece: str) -> bool:
    """看看 pay-gateway-1 有啥漏洞: is it a look-up of its own beside an order?"""
    return VERB not in piece and pattern("cues.inside.apart").match(piece.strip()) is not None


def stretch_of(skeleton: Skeleton, verb: SpokenVerb) -> list[Skeleton]:
    """What is said of this verb alone where several follow each other without a comma: A36 A291 关了 真实攻击 A25 指给李四, 确认 A12
    指派 A13 给李四. Up to it where an object comes before the first of them, else behind it."""
    acts = [one for one in verbs_in(skeleton) if one.tool in ACTS]
    if len(acts) < 2 or verb not in acts:
        return []
    text, same = skeleton.text, [i for i, one in enumerate(acts) if one.tool == verb.tool]
    since, until = same[0], same[-1]  # 指派 A13 给李四 is one
    first = Skeleton(CLAUSE.split(text[: acts[0].start])[-1], skeleton.entities)
    if any(first.first(*WANTED[kind]) for kind in ACTS[acts[0].tool].kinds):
        said = CLAUSE.split(text[acts[since - 1].end if since else 0 : acts[until].end])[-1]
    else:
        end = acts[until + 1].start if until + 1 < len(acts) else len(text)
        said = CLAUSE.split(text[acts[since].start : end])[0]
    return [Skeleton(said, skeleton.entities)]


def _doubt_of_whole(skeleton: Skeleton, verbs: Sequence[SpokenVerb]) -> str:
    """What nothing beside it explains: an exception or a choice, a later time, a silence without an end."""
    text = without(skeleton, verbs)
    if pattern("cues.nothing.exception").search(text):
        return "exception"
    typed = skeleton.expand(text)
    decides = any(verb.tool == "decide_findings" and verb.start == 0 for verb in verbs)  # 撤回 F12 的决定
    if not decides and (pieces := PIECE.split(skeleton.text, maxsplit=1))[1:] and is_taken_back(pieces[0]):
        return "negation"
    if pattern("cues.said.broken_number").search(typed):
        return "exception"
    if pattern("cues.nothing.later").search(typed):
        return "later"
    endless = pattern("times.permanent").search(typed) or pattern("cues.said.endless").search(text)
    return "allow" if endless and any(verb.tool == "silence_alerts" for verb in verbs) else ""


def is_taken_back(said: str) -> bool:
    """Do these words take back what was ordered, and say nothing else: 先撤了, 算了?"""
    return pattern("cues.said.undo").search(said.strip().removeprefix("先")) is not None


def is_called_off(plain: str) -> bool:
    """Does a sentence take an order back, as a whole or by 撤 in a piece of its own: 先撤了, 活动还在跑?"""
    if re.search(r"[A-Za-z0-9]\s*的?决定", plain):  # 撤回 F12 的决定 orders something of its own
        return False
    pieces = re.split(r"[\s,，。;；!！]+", plain)
    return is_taken_back(plain) or any("撤" in one[:2] and is_taken_back(one) for one in pieces)


def first_doubt(text: str, names: Sequence[str] = ()) -> str:
    """The first of ``[nothing]``, or of these of its lists, that stands in a text."""
    found = (
        name for name in names or load("cues")["nothing"] if pattern(f"cues.nothing.{name}").search(text)
    )
    return next(found, "")
