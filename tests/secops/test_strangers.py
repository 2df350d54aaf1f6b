"""What a stranger's questions were answered with, where a stranger judged it right, or where a fault was mended since: it stays so.

Of a line of the sets ``got`` is what was called when the strangers judged, ``now`` what the mended turns call (null: not looked at).
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from secops_agent.agent.trial import Dialog, Trial
from tests.secops.demo_aid import demo, person

__all__ = ["demo"]
SETS = sorted((Path(__file__).parent / "eval").glob("strangers_*.jsonl"))
# Arguments that follow the clock: 11月 is this month or the last, and a week has fewer days each day.
CLOCK = ("since_hours", "until_hours", "at", "period", "due_within", "minutes")
# Turns that the trained ranker lost: their lines keep the right call.
LOST_RIGHT, LOST_MENDED = 8, 7


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for path in SETS for line in path.read_text(encoding="utf-8").splitlines()]


def questions() -> list[dict[str, Any]]:
    return [one for one in lines() if one["class"] == "question" and one["verdicts"] == ["R"]]


def steady(call: list[Any]) -> Any:
    return call[0], {name: value for name, value in call[1].items() if name not in CLOCK}


async def ask(asker: Any, dialogs: list[tuple[list[str], list[Any]]]) -> list[tuple[str, Any, Any]]:
    """Each turn with what it should call and what it calls."""
    trial, found = Trial(asker), []
    try:
        for turns, wanted in dialogs:
            dialog = Dialog()
            for text, want in zip(turns, wanted, strict=False):
                tried, dialog = await trial.turn(dialog, text)
                if want is not None:
                    found.append((text, steady(want), steady([tried.tool, tried.arguments])))
    finally:
        await trial.close()
    return found


@pytest.mark.slow
@override_settings(RATE_LIMITS=False)
def test_questions_that_were_answered_right_are_still(demo: Any) -> None:
    asked = []
    for asker in ("lisi", "zhaoliu"):
        own = [one for one in questions() if one.get("as", "lisi") == asker]
        asked += asyncio.run(ask(person(asker), [(one["turns"], one.get("now", one["got"])) for one in own]))
    assert len(asked) > 40
    lost = [one for one in asked if one[1] != one[2]]
    assert len(lost) <= LOST_RIGHT, "\n" + "\n".join(map(str, lost))


@override_settings(RATE_LIMITS=False)
def test_turns_that_were_mended_stay_so(demo: Any) -> None:
    mended = [(one["turns"], one["now"]) for one in lines() if "now" in one]
    asked = asyncio.run(ask(person("zhaoliu"), mended))
    assert len(asked) > 35
    lost = [one for one in asked if one[1] != one[2]]
    assert len(lost) <= LOST_MENDED, "\n" + "\n".join(map(str, lost))
