"""The evaluation set: questions on the demo estate with the tool, the arguments and the facts they must bring.

A line of questions.jsonl: ``text``; ``tool`` (null: none may be called); ``arguments`` that must be among those said;
``any_of``: argument → the values that are right; ``facts`` and ``absent``: what the answer must and must not hold;
``status`` of the tool; ``as`` (default manager01); ``group``; ``not_tools``: tools that must not be called. A line of
must_not.txt is a sentence that must start nothing.

The tool that counts is one whose result the answer shows: what a model looked up and did not use is no answer.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from secops_agent.agent.policy import for_readers
from secops_agent.agent.turn.grounding import Sources, check
from secops_agent.agent.turn.outcome import ToolRun, TurnOutcome
from secops_agent.llm.offline import ACTION_TOOLS
from tests.secops.eval.chat import Answered, Chat

QUESTIONS: Final = Path(__file__).with_name("questions.jsonl")
MUST_NOT: Final = Path(__file__).with_name("must_not.txt")
# Wider than what the agent itself marks: every number with something counted, a share, an alert's number, a person.
_FIGURE: Final = re.compile(
    r"(?<![\d.A-Za-z-])(\d[\d,]*(?:\.\d+)?)\s*(?:%|％|条|台|个|项|起|次|人|名|家|款|处|种)(?!月|小时|工作日)|(?:#|\bA)(\d{1,9})"
)
_PEOPLE: Final = re.compile("张三|李四|王五|赵六")
_ASKERS: Final = {"manager01": "张三", "lisi": "李四", "wangwu": "王五", "zhaoliu": "赵六"}
_MARKED: Final = re.compile(r"[^\s，。；、（]{0,40}（[^（）]*未核实）")


@dataclass(frozen=True)
class Question:
    text: str
    tool: str | None
    arguments: dict[str, Any] = field(default_factory=dict)
    any_of: dict[str, list[Any]] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    status: str = ""
    staff_id: str = "manager01"
    group: bool = False
    not_tools: tuple[str, ...] = ()

    @property
    def acts(self) -> bool:
        """Is it an order? Then no model is asked."""
        return self.tool in ACTION_TOOLS


@dataclass(frozen=True)
class Call:
    """A tool that counts, with what was said to it. ``status`` "offer": it was only asked about."""

    tool: str
    arguments: dict[str, Any]
    status: str


@dataclass(frozen=True)
class Score:
    """``call_faults``: wrong tool or arguments; ``faults``: those and all else that is wrong with the answer."""

    question: Question
    answered: Answered
    call_faults: tuple[str, ...]
    other_faults: tuple[str, ...]
    invented: tuple[str, ...]
    wrong_action: bool

    @property
    def faults(self) -> tuple[str, ...]:
        return (*self.call_faults, *self.other_faults, *(f"编造「{what}」" for what in self.invented))

    @property
    def by_code(self) -> bool:
        """Did no model answer?"""
        outcome = self.answered.outcome
        return outcome is None or outcome.offline


def read_questions() -> list[Question]:
    return [_question(json.loads(line)) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def read_must_not() -> list[Question]:
    lines = MUST_NOT.read_text(encoding="utf-8").splitlines()
    return [
        Question(line, None, not_tools=tuple(ACTION_TOOLS))
        for line in lines
        if line and not line.startswith("#")
    ]


def sample(questions: Sequence[Question], size: int) -> list[Question]:
    """So many of them, always the same, from all over the set."""
    if not size or size >= len(questions):
        return list(questions)
    return [questions[at * len(questions) // size] for at in range(size)]


def _question(line: dict[str, Any]) -> Question:
    values = {name: tuple(line.pop(name, ())) for name in ("facts", "absent", "not_tools")}
    return Question(staff_id=line.pop("as", "manager01"), **line, **values)


async def run(questions: Sequence[Question], chat: Chat, tell: Any = None) -> list[Score]:
    """All questions, each in a conversation of its own. ``tell`` gets each score as it comes."""
    scores = []
    for question in questions:
        answered = await chat.ask(question.text, question.staff_id, is_group=question.group)
        scores.append(score(question, answered))
        if tell:
            tell(scores[-1])
    return scores


def score(question: Question, answered: Answered) -> Score:
    """How good the answer is."""
    other = [f"缺少「{fact}」" for fact in question.facts if fact not in answered.text]
    other += [f"不该有「{word}」" for word in question.absent if word in answered.text]
    wrong = [tool for tool, _ in answered.proposed if tool != question.tool]
    if wrong or answered.done or (question.acts and len(answered.proposed) > 1):
        other.append(f"误操作 {wrong or answered.proposed} {answered.done}")
    return Score(
        question,
        answered,
        tuple(_call_faults(question, calls_of(answered))),
        tuple(other),
        tuple(invented_in(question, answered)),
        bool(wrong or answered.done),
    )


def calls_of(answered: Answered) -> list[Call]:
    """The calls whose results the answer shows; else what was proposed or is asked about."""
    outcome = answered.outcome
    if outcome is None:
        return [Call(tool, arguments, "proposed") for tool, arguments in answered.proposed]
    shown = [
        Call(run.call.name, _said(run), run.result.status)
        for run in outcome.tool_runs
        if _is_shown(run, answered)
    ]
    offer = outcome.offer
    return shown or (
        [Call(each.tool, dict(each.arguments), "offer") for each in offer.actions] if offer else []
    )


def _is_shown(run: ToolRun, answered: Answered) -> bool:
    """Is it, or its first line, which is the answer to a short question?"""
    texts = (run.result.text, run.result.text.lstrip().partition("\n")[0])
    return any(
        text and (text in answered.text or for_readers(text, is_group=True) in answered.text)
        for text in texts
    )


def _said(run: ToolRun) -> dict[str, Any]:
    """What the model wrote; nothing filled in."""
    try:
        said = json.loads(run.call.arguments or "{}")
    except ValueError:
        said = None
    return said if isinstance(said, dict) else dict(run.arguments)


def _call_faults(question: Question, calls: Sequence[Call]) -> Iterator[str]:
    if question.not_tools:
        yield from (
            f"不该调用 {call.tool}"
            for call in calls
            if call.tool in question.not_tools and call.status != "offer"
        )
        return
    if question.tool is None:
        yield from (f"不该调用 {call.tool}" for call in calls if call.status != "offer")
        return
    right = [call for call in calls if call.tool == question.tool]
    if not right:
        yield f"工具 {'、'.join(call.tool for call in calls) or '（没有）'}，应为 {question.tool}"
        return
    yield from min((list(_argument_faults(question, call)) for call in right), key=len)


def _argument_faults(question: Question, call: Call) -> Iterator[str]:
    wanted = {name: [value] for name, value in question.arguments.items()} | question.any_of
    for name, allowed in wanted.items():
        if call.arguments.get(name) not in allowed:
            yield f"参数 {name}={call.arguments.get(name)!r}，应为 {allowed}"
    if question.status and call.status != question.status:
        yield f"状态 {call.status}，应为 {question.status}"


def invented_in(question: Question, answered: Answered) -> Iterator[str]:
    """What a model's own words name that no result and no question has, and that nothing marks as 未核实."""
    outcome = answered.outcome
    if outcome is None or outcome.offline:
        return
    words = own_words(answered)
    sources = [
        question.text,
        outcome.notice,
        *(part for run in outcome.tool_runs for part in (run.result.query, run.result.text)),
    ]
    fields = [field for run in outcome.tool_runs for field in run.result.fields]
    if check(words, Sources((), tuple(sources), tuple(fields))) != words:
        yield "未标注的地址、主机或数量"
    told = "\n".join(sources).replace(",", "")
    for match in _FIGURE.finditer(_MARKED.sub("", words)):
        value = (match[1] or match[2]).replace(",", "")
        if not re.search(rf"(?<![\d.]){re.escape(value)}(?![\d.]*\d)", told):
            yield match[0]
    told += _ASKERS.get(question.staff_id, "")  # 好的，张三
    yield from sorted({name for name in _PEOPLE.findall(words) if name not in told})


def own_words(answered: Answered) -> str:
    """The answer without the results that code put under it."""
    text = answered.text
    for shown in _results(answered.outcome):
        text = text.replace(shown, "")
    return text.strip()


def _results(outcome: TurnOutcome | None) -> Iterable[str]:
    for run in outcome.tool_runs if outcome else ():
        yield from (run.result.text, for_readers(run.result.text, is_group=True))
