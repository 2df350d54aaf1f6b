"""The evaluation set, offline: every question with its tool, its arguments and its facts."""

import asyncio

from tests.secops.demo_aid import demo, person
from tests.secops.eval.scoring import read_questions, run

__all__ = ["demo"]


def test_offline_mode_answers_the_whole_set(demo):
    questions = read_questions()
    assert len(questions) >= 100
    people = {staff_id: person(staff_id) for staff_id in {question.staff_id for question in questions}}
    scores = asyncio.run(run(questions, people))
    assert not {score.question.text: score.faults for score in scores if score.faults}
    assert not [score.question.text for score in scores if score.is_wrong_action]


def test_every_reading_and_acting_tool_is_asked_for():
    from secops_agent.tools.registry import BY_NAME

    assert set(BY_NAME) <= {question.tool for question in read_questions()}
