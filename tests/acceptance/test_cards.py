"""Cards of the real worker process: a streamed answer, several people at once, and a kill in the middle."""

import json
import signal

import pytest

from bifang.channels.models import InboxRow, OutboxRow, State
from tests.acceptance.doors import open_feishu
from tests.acceptance.worker import STAFF, kill, open_stage, place
from tests.databases import Database
from tests.deadline import wait_until
from tests.model_server import Echo

SLOW = Echo(delay=2)


@pytest.mark.slow
def test_answers_are_cards_and_survive_a_kill(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(card_template_id="answer.schema"), staff=STAFF)
        worker = stage.start(model=SLOW)
        group = place()
        first = stage.say("有哪些告警", group, "lisi")
        stage.say("我这边呢", place(), "manager01", group=False)
        wait_until(lambda: len(stage.sim.cards()) == 2, within=30, what="two cards")
        wait_until(
            lambda: all(
                card["finalized"] and card["params"]["flowStatus"] == "3" for card in stage.sim.cards()
            ),
            within=30,
            what="both complete",
        )
        texts = sorted(card["params"]["content"] for card in stage.sim.cards())
        assert ["我这边呢" in texts[0] or "我这边呢" in texts[1], "有哪些告警" in "".join(texts)] == [
            True,
            True,
        ]
        assert {card["params"]["flowStatus"] for card in stage.sim.cards()} == {"3"}
        row = InboxRow.objects.get(external_id=first)
        sent = wait_until(lambda: OutboxRow.objects.filter(inbox=row, state=State.DONE).first(), within=20)
        assert sent is not None
        assert sent.route == "card"

        stage.say("杀不死的问题", group, "lisi")
        wait_until(lambda: len(stage.sim.cards()) == 3, within=30, what="the third card")
        kill(worker)
        stage.start(model=SLOW)

        def third() -> bool:
            done = [card for card in stage.sim.cards() if "杀不死" in card["params"]["content"]]
            return bool(done and done[0]["finalized"])

        wait_until(third, within=40, what="the interrupted card complete")
        assert len(stage.sim.cards()) == 3
        assert len([reply for reply in stage.replies() if reply["msgtype"] != "card"]) == 0
        stage.workers[-1].process.send_signal(signal.SIGTERM)


@pytest.mark.slow
def test_answer_in_feishu_grows_on_a_card_that_survives_a_kill(database: Database) -> None:
    with open_feishu(database) as stage:
        stage.apply(stage.robot(streams_cards=True), staff=STAFF)
        worker, where = stage.start(model=SLOW), place()
        said = stage.say("杀不死的问题", where, "lisi")
        (begun,) = wait_until(lambda: stage.sim.replies(chat_id=where), within=60, what="the card")
        assert (begun["msg_type"], begun["reply_to"]) == ("interactive", said)
        kill(worker)
        stage.start(model=SLOW)
        sent = OutboxRow.objects.filter(inbox__external_id=said, route="card", state=State.DONE)
        wait_until(sent.exists, within=60, what="the interrupted card complete")
        (card,) = stage.sim.replies(chat_id=where)
        assert (card["message_id"], "杀不死的问题" in card["text"]) == (begun["message_id"], True)
        assert json.loads(card["content"])["config"]["streaming_mode"] is False
        numbers = [number for number, _ in card["operations"]]
        assert numbers == sorted(set(numbers))
