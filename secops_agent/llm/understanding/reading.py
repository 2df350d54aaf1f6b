"""From a sentence to what it asks for.

Read in this order: pasted forwards, slash commands, control words, small talk, exact orders; then what is named: spoken orders
as offers, what completes the last order, questions by the frame that takes everything, references by the focus. What fits
nothing is asked back with taps about what was named, or told in one line not to be our subject.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bifang.channels.text.verbs import Verb
from secops_agent import says
from secops_agent.llm.offline.arguments import is_of_closer
from secops_agent.llm.offline.cases import read_case_order
from secops_agent.llm.offline.commands import SlashCommand, find_command, read_again, spell_out
from secops_agent.llm.offline.controls import find_control
from secops_agent.llm.offline.expressions.entities import read_entities
from secops_agent.llm.offline.expressions.normalization import (
    BareRequest,
    normalize,
    split_address,
    strip_courtesies,
)
from secops_agent.llm.offline.expressions.schedules import read_schedule
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.intents import ACTION_TOOLS, READ_TOOLS, Intent, Understanding
from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.offline.sounds import respell
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.understanding import focus as focuses
from secops_agent.llm.understanding import questions
from secops_agent.llm.understanding.answering import QuestionHearing
from secops_agent.llm.understanding.entities import OWN, Sentence, read_sentence
from secops_agent.llm.understanding.focus import NOTHING, Focus
from secops_agent.llm.understanding.frames import ToolFrame
from secops_agent.llm.understanding.hearing import DEFAULT, SHORT, hint
from secops_agent.llm.understanding.offers import Ordered, read_order
from secops_agent.llm.understanding.open_offers import OpenOfferHearing
from secops_agent.llm.understanding.rights import decides_request, find_rights, verb_in
from secops_agent.llm.understanding.rota import shift_lines
from secops_agent.llm.understanding.stretches import orders_many
from secops_agent.llm.understanding.telling import asks_somebody, names_others
from secops_agent.llm.understanding.verbs import (
    ACTS,
    CLAUSE,
    DICTATED,
    MILD,
    NOTES,
    find_doubt,
    is_called_off,
)

_PAIR: Final = 2
LONGEST: Final = 300  # characters; what is longer was pasted, not asked
_PASTED: Final = re.compile(
    r"^\s*(?:[\[【(（<《]\s*(?:转发|聊天记录|合并转发|引用|图片|截图|文件|语音|链接|视频|卡片|示例|告警|通知|公告|邮件|系统消息?|fwd?|forward(?:ed)?)[^\]】)）>》]{0,12}[\]】)）>》]|(?:转发|示例|例如|比如|原文|引用|(?:会议)?纪要|待办|通报|原话|话术|模板|脚本|(?:告警|邮件|消息|通知|系统)?(?:内容|提示|标题)|fwd?)\s*[:：]|>\s|「[^」]{0,200}」\s*\n?\s*-{3,})",
    re.IGNORECASE,
)


def understand(
    text: str,
    lexicon: Lexicon,
    now: datetime,
    frames: Sequence[ToolFrame],
    *,
    asker: str = "",
    focus: Focus = NOTHING,
) -> Understanding:
    """What the sentence asks for. ``now`` is aware, ``asker`` the staff id that 我 means, ``focus`` what was spoken of before."""
    reader = _Reader(lexicon, now, tuple(frames), asker, focus)
    if is_pasted(text):
        return reader.read_pasted(normalize(text))
    plain = spell_out(normalize(text))
    if left := [word for word in says.PLACEHOLDERS if word in plain]:
        return Understanding(suggestions=(says.HELP,), hint=hint("placeholder").format(words="、".join(left)))
    if len(plain) > LONGEST:
        return Understanding(suggestions=DEFAULT, hint=hint("long"), guessed=True)
    addressee, said = split_address(plain)
    told = pattern("telling.asked_last").search(said) or addressee.startswith(("@一下", "@下"))  # …，帮我问他
    if addressee and not told:
        return reader.read_overheard(said)
    if again := read_again(plain):
        return reader.read_again(*again)
    command = find_command(plain)
    return reader.read_command(*command) if command else reader.read(plain)


def is_pasted(text: str) -> bool:
    """Does it begin as a forward, a quotation or an example does?"""
    return _PASTED.match(text) is not None


def nearest_tools(
    text: str, lexicon: Lexicon, now: datetime, frames: Sequence[ToolFrame], asker: str = ""
) -> tuple[str, ...]:
    """The tools that read, the best fit first: for a model that is to choose among many."""
    plain = spell_out(normalize(text[:LONGEST]))
    command = find_command(plain)
    named = command[0].tools if command else []
    said = command[0].sentence.format(rest=command[1]) if command else strip_courtesies(plain).text
    weighed = questions.weigh_sentence(read_sentence(said, lexicon, now, asker, plain), tuple(frames))
    ranked = [fit.frame.tool for fit in weighed.fits] + [frame.tool for frame in frames]
    return tuple(tool for tool in dict.fromkeys([*named, *ranked]) if tool in READ_TOOLS)


@dataclass(frozen=True, slots=True)
class _Reader(OpenOfferHearing, QuestionHearing):
    """Everything together."""

    # What stands around a sentence

    def read_pasted(self, plain: str) -> Understanding:
        """A forward, a pasted alert, an example: it orders nothing, and what it names can be looked up."""
        sentence = self.heard(plain)
        return self._told(sentence, Understanding(hint=hint("quotation"), suggestions=self.taps(sentence)))

    def read_command(self, command: SlashCommand, rest: str) -> Understanding:
        """A slash command: one of its tools with the rest of the line, or an order."""
        if command.needs and not rest:
            examples = (says.slash(command.usage), says.HELP, says.HIGH_ALERTS)
            return Understanding(suggestions=examples, hint=f"用法：{command.usage}。")
        if command.verbatim:
            return Understanding(intent=Intent(command.tools[0], {command.verbatim: rest}))
        plain = command.sentence.format(rest=rest).strip()
        reader = replace(self, command=True, focus=NOTHING)
        sentence = self.heard(plain)
        if rest and (told := reader._formal(plain)):
            return told
        ordered = read_order(sentence, NOTHING, command=True) if rest else None
        if ordered and ordered.exact:
            return Understanding(intent=ordered.actions[0])
        kinds = {one.kind.name for one in sentence.question.found(*Kind)}
        needs = {frame.tool: frame.needs for frame in self.frames}
        tool = next((tool for tool in command.tools if not needs.get(tool) or kinds & set(needs[tool])), "")
        intent = questions.ask(tool, sentence, command=True) if tool else None
        return self._told(sentence, Understanding(intent=intent)) if intent else reader.read(plain)

    def read_again(self, value: str, is_account: bool) -> Understanding:
        """One more look at what is named: as what it is, else wherever it was seen."""
        known = not is_account and read_entities(value, self.lexicon, self.now).entities
        if known or value.isdecimal():
            return self.read(value)
        return Understanding(intent=Intent("lookup_indicator", {"value": value}))

    def read_overheard(self, plain: str) -> Understanding:
        """What somebody else is told: a question may be answered, an order or a control word is none for the robot."""
        found = self.read(plain)
        acts = found.intent and found.intent.tool in ACTION_TOOLS
        if found.control or acts or found.offers or found.order:
            return Understanding(suggestions=DEFAULT, hint=hint("overheard"))
        return found

    # The sentence

    def read(self, plain: str) -> Understanding:
        """Control words and small talk, then exact orders, then what is named."""
        control = find_control(plain)
        if control and control.action == "reject" and not control.code and self.focus.order:  # 取消吧
            return self.dropped()
        if control and not self.lexicon.asset(control.code):
            return Understanding(control=control)
        request = strip_courtesies(plain)
        undone = self.focus.order and pattern("cues.said.undo").search(plain)  # 撤了 is no farewell then
        if not undone and (talk := _find_category(plain) or _find_category(request.text)):
            return talk
        please = "请" if request.pleading else ""
        told = plain if plain.startswith(Verb.SEND) else please + request.text  # a message keeps its 谢谢
        formal = None if request.asking else self._formal(told)
        sentence = self.heard(respell(please + request.text), plain)
        noted = formal and formal.intent and formal.intent.tool in NOTES
        if formal and not (noted and orders_many(sentence.order)):
            return formal
        found = self.read_within(sentence, request)
        if found.intent and found.intent.tool in ACTION_TOOLS and sentence.plain != please + request.text:
            found = replace(found, intent=None, offers=(found.intent,))  # what only sounds so is never exact
        if formal and not (found.offers and found.offers[0].tool in NOTES):  # E1加个备注 …，然后提醒李四…
            return formal
        return self._told(sentence, self.or_open(sentence, found))

    def _told(self, sentence: Sentence, found: Understanding) -> Understanding:
        """With what the sentence named, for the focus."""
        exact = any(one.exact for one in sentence.found(Kind.ALERT, Kind.ALERTS))
        machine = found.intent and "asset" in found.intent.arguments and not sentence.first(Kind.REF)
        asked = found.question and not found.order  # a guess that was asked back is nobody's 它
        numbers = sentence.numbers if exact or not (machine or asked) else []  # 3号呢: a machine
        return replace(found, named=focuses.names_in(sentence.order, numbers))

    def _formal(self, plain: str) -> Understanding | None:
        """A swap of shifts, what is done to cases, a scheduled task: read in forms of their own."""
        if swap := pattern("schedules.swap").fullmatch(plain):
            said = {name.rstrip("2"): value for name, value in swap.groupdict().items() if value}
            named = self.heard(said["colleague"]).first(Kind.PERSON)  # 五哥
            said["colleague"] = str(named.value) if named else said["colleague"]
            return Understanding(intent=Intent("swap_shift", said))
        if cover := pattern("schedules.cover").fullmatch(plain):
            return Understanding(intent=self._cover(cover.groupdict()))
        if case := read_case_order(plain, self.asker):
            return Understanding(intent=case, order=case if case.tool in ACTS else None)
        if unnamed := pattern("cases.unnamed.report").fullmatch(plain):
            return Understanding(question=hint("unnamed").format(who=unnamed["who"]))
        wish = read_schedule(plain, self.task)
        if wish is None or names_others(self.heard(plain), self.focus):
            return None
        if wish.certain:
            return Understanding(intent=wish.intent, order=wish.intent)
        line = says.new_task(wish.when, str(wish.intent.arguments["task"]))
        return Understanding(offers=(wish.intent,), order=wish.intent, suggestions=(line,))

    def read_within(self, sentence: Sentence, request: BareRequest) -> Understanding:
        if self.focus.order and is_called_off(sentence.plain):
            return self.edit(sentence, request) or self.dropped()
        if found := self.of_what_was_said(sentence, request):
            return found
        if pattern("cues.said.undone").search(sentence.plain):
            return Understanding(
                question="没有执行任何操作。要撤销您刚才的操作吗？", suggestions=(says.UNDO_LAST,)
            )
        if decides_request(sentence):
            lines = {"approve": says.approve(says.CODE), "reject": says.reject(says.CODE, says.REASON)}
            return Understanding(intent=Intent("list_proposals"), hint=hint("decides").format(**lines))
        if found := self._rights(sentence) or self._of_two(sentence):
            return found
        asking = is_of_closer(sentence.question.text) or (request.asking and not asks_somebody(sentence))
        ordered = None if asking else self._ordered(sentence, self.weighed(sentence))
        if ordered and ordered.exact:
            return Understanding(intent=ordered.actions[0], order=ordered.actions[0])
        if ordered and not ordered.doubt:
            return self._with_look_up(sentence, self.ordered(sentence, ordered))
        if ordered and ordered.doubt != "question" and (told := self.nothing(sentence, ordered)):
            return told
        return self._asked(sentence, ordered)

    def _rights(self, sentence: Sentence) -> Understanding | None:
        """What Bifang can do, who may do what, and that it shares nothing out by itself."""
        if pattern("cues.said.shares").search(sentence.order.text):
            return self.shared(sentence)
        found = find_rights(sentence)
        if found or sentence.found(*OWN, Kind.REF) or not self.weighed(sentence).is_one_of("self"):
            return found
        tool = verb_in(sentence)
        return Understanding(category="rights" if tool else "help", hint=tool)

    def _of_two(self, sentence: Sentence) -> Understanding | None:
        """A swap with one of those who are named on the days that are, or two cases that are to be one: each a line to send."""
        act = self.weighed(sentence).act
        if act == "swap_shift":
            return Understanding(question=hint(act), suggestions=shift_lines(sentence))
        if act != "merge_cases" or find_doubt(sentence.order, []):
            return None
        named = list(dict.fromkeys(one.value for one in sentence.found(Kind.CASE)))
        both = ((named[0], named[1]), (named[1], named[0])) if len(named) == _PAIR else ()
        lines = [says.plainly(f"事件 {one} 并入事件 {other}") for one, other in both]
        return Understanding(question=hint(act), suggestions=tuple(lines))

    def _cover(self, said: dict[str, str | None]) -> Intent:
        """The exact line, with people as they are called."""
        part = next((one for one in says.PARTS if said.pop(one)), "")
        people = {name: self.heard(said[name] or "").first(Kind.PERSON) for name in ("person", "relieved")}
        named = {name: str(one.value) for name, one in people.items() if one}
        return Intent(
            "cover_shift", {name: value for name, value in {**said, **named, "part": part}.items() if value}
        )

    def _asked(self, sentence: Sentence, ordered: Ordered | None) -> Understanding:
        """What is asked; of 要不要隔离 web-01 what is known of it, and the line that orders it; of 别动 web-01 nothing."""
        about = sentence.found(*OWN) or (self.focus.named and len(sentence.plain) <= SHORT)
        asks = pattern("cues.said.asks").search(sentence.plain) and not sentence.found(*OWN)
        asks = asks or self.weighed(sentence).asked >= questions.ELSE
        if ordered is None and about and not asks and pattern("cues.said.left_alone").search(sentence.plain):
            return Understanding(hint=hint("negation"), suggestions=self.taps(sentence))
        found = self.question(sentence, ordered)
        proposes = pattern("cues.said.proposes").search(sentence.plain)
        denied = self.weighed(sentence).doubt == "nothing"
        if ordered is None or not proposes or denied or ordered.doubt not in ("question", "unclear"):
            return found
        taps = (*self.lines_of(ordered), *found.suggestions)
        return replace(found, suggestions=tuple(dict.fromkeys(taps))[:3])

    def _with_look_up(self, sentence: Sentence, found: Understanding) -> Understanding:
        """帮忙看一下 A291 然后派给我: the look-up that is asked for in a piece of its own comes first."""
        pieces = [
            one
            for one in CLAUSE.split(sentence.order.text)
            if pattern("cues.inside.apart").match(one.strip())
        ]
        asked = [self.task(sentence.order.expand(one).strip()) for one in pieces]
        intent = next((one for one in asked if one and one.arguments), None)  # no whole list
        if not found.order or found.order.tool in (*DICTATED, *MILD):
            return found
        if intent is None or found.intent:
            left = [
                sentence.order.expand(one).strip() for one in pieces if pattern("cues.said.asks").search(one)
            ]
            kept = " ".join(str(one.arguments.get("text", "")) for one in found.offers)
            left = (
                []
                if found.intent
                else [one for one in left if not any(said in one for said in kept.split("，") if said)]
            )
            return replace(found, unused=(*found.unused, *(f"「{one}」" for one in left)))
        return replace(found, intent=intent, hint=found.question, question="")


def _find_category(text: str) -> Understanding | None:
    """The kind of small talk that the whole text is."""
    bare = text.strip() if not text.strip("?") else text.strip(" ,.!?;:~、。，！？；：…")
    kind = name_of("talk.category", bare)
    if kind == "status":
        return Understanding(intent=Intent("service_status"))
    return Understanding(category=kind) if kind else None
