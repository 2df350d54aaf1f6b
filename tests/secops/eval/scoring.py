"""The evaluation set: questions on the demo estate with the tool, the arguments and the facts they must bring.

A line of questions.jsonl: ``text``; ``tool`` (null: none may be called); ``arguments`` that must be among those said;
``any_of``: argument → the values that are right; ``facts`` and ``absent``: what the answer must and must not hold;
``status`` of the tool; ``as`` (default manager01); ``group``; ``not_tools``: tools that must not be called.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secops_agent.agent.trial import Trial, Tried
from secops_agent.services.people.staff import Person

QUESTIONS = Path(__file__).with_name("questions.jsonl")
ACTIONS = frozenset({"acknowledge_alert", "assign_alert", "close_alert", "block_ip", "isolate_host"})


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


@dataclass(frozen=True)
class Score:
    question: Question
    tried: Tried
    faults: tuple[str, ...]

    @property
    def is_wrong_action(self) -> bool:
        """An action was proposed that was not asked for; an offer is no proposal."""
        proposed = self.tried.tool in ACTIONS and self.tried.status != "offer"
        return proposed and self.tried.tool != self.question.tool


def read_questions() -> list[Question]:
    return [_question(json.loads(line)) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def _question(line: dict[str, Any]) -> Question:
    values = {name: tuple(line.pop(name, ())) for name in ("facts", "absent", "not_tools")}
    return Question(staff_id=line.pop("as", "manager01"), **line, **values)


def score(question: Question, tried: Tried, *, with_wording: bool) -> Score:
    """``with_wording``: also the facts as our own rendering words them; a model may word them otherwise."""
    faults = [*_call_faults(question, tried)]
    if with_wording or not question.tool:
        faults += [f"缺少「{fact}」" for fact in question.facts if fact not in tried.answer]
    faults += [f"不该有「{word}」" for word in question.absent if word in tried.answer]
    return Score(question, tried, tuple(faults))


def _call_faults(question: Question, tried: Tried) -> Iterable[str]:
    if question.not_tools:
        if tried.tool in question.not_tools:
            yield f"不该调用 {tried.tool}"
        return
    if tried.tool != question.tool:
        yield f"工具 {tried.tool}，应为 {question.tool}"
        return
    for name, value in question.arguments.items():
        allowed = question.any_of.get(name, [value])
        if tried.arguments.get(name) not in allowed:
            yield f"参数 {name}={tried.arguments.get(name)!r}，应为 {allowed}"
    for name in question.any_of.keys() - question.arguments.keys():
        if tried.arguments.get(name) not in question.any_of[name]:
            yield f"参数 {name}={tried.arguments.get(name)!r}，应为 {question.any_of[name]}"
    if question.status and tried.status != question.status:
        yield f"状态 {tried.status}，应为 {question.status}"


async def run(
    questions: Sequence[Question], people: dict[str, Person], *, ai_config_id: int | None = None
) -> list[Score]:
    """All questions, each by itself."""
    trials: dict[tuple[str, bool], Trial] = {}
    scores = []
    for question in questions:
        key = (question.staff_id, question.group)
        if key not in trials:
            trials[key] = Trial(people[question.staff_id], ai_config_id=ai_config_id, is_group=question.group)
        tried = await trials[key].ask(question.text)
        scores.append(score(question, tried, with_wording=ai_config_id is None))
    for trial in trials.values():
        await trial.close()
    return scores
