"""What an answer tells its reader to send, sent where it appeared, through a real worker and a real platform's wire."""

import re
from typing import Any

import pytest

from tests.acceptance.doors import FEISHU, STREAM, working_stage
from tests.acceptance.worker import place
from tests.databases import Templates
from tests.secops.decisions_aid import some_alert
from tests.secops.sent_back import NOT_UNDERSTOOD, sentences

pytestmark = pytest.mark.slow
# DingTalk's taps are links; where there are none the words stand in a line of their own.
TAP = re.compile(r"\[([^\[\]]+)\]\(dtmd:")
ALERT = re.compile(r"(?:查看|处置|确认|误报) A\d+")


def told_in(text: str) -> list[str]:
    """Taps, their words, and sentences in quotation marks."""
    lines = TAP.findall(text) + ALERT.findall(TAP.sub("", text)) + sentences(text)
    return list(dict.fromkeys(lines))


@pytest.mark.parametrize("door", [STREAM, FEISHU], ids=["stream", "feishu"])
def test_what_an_answer_tells_to_send_is_understood_at_the_door(
    door: tuple[str, str],
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> None:
    home = tmp_path_factory.mktemp("sentback")
    with django_db_blocker.unblock(), working_stage(templates, door, home) as stage:
        pk = some_alert()
        for group in (False, True):
            where, sent = place(), ["有哪些告警", f"A{pk}"]
            for number, said in enumerate(sent, 1):
                stage.say(said, where, group=group)
                answer = stage.answers(where, number)[number - 1]
                assert not any(word in answer for word in NOT_UNDERSTOOD), (said, answer)
                sent += [one for one in told_in(answer) if one not in sent and len(sent) < 10]
            assert {f"查看 A{pk}", f"处置 A{pk}"} <= set(sent)
