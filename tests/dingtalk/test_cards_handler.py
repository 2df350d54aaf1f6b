"""Clicks on a card's buttons: decided before the ack, safe under redelivery and slowness."""

import asyncio
import json
from typing import Any

import pytest

from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.queues.inbox import claim
from bifang.core.database import db
from bifang.core.models import SystemConfig
from dingtalk_integration.handlers import cards
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.stream.frames import CARD_TOPIC, Frame
from secops_agent.agent.acting import clicks
from secops_agent.models import Action, AuditRecord
from secops_agent.services.decisions.approvals import Decision
from tests.channels.boxes import finish
from tests.secops.decisions_aid import company, propose, robot, show_card, the

GROUP = "cid-group"
pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def asked(config: SystemConfig, staff_id: str = "", track: str = "track") -> str:
    """A proposal of zhao's, and the card that asks for its decision; its code."""
    return show_card(config, propose(config, "zhao"), track, staff_id)


def click(
    who: str,
    code: str,
    verdict: str,
    message_id: str = "f1",
    corp: str = "corp",
    *,
    space: str = GROUP,
    track: str = "track",
    **params: Any,
) -> Frame:
    private = {"actionIds": [verdict], "params": {"code": code, "verdict": verdict, **params}}
    data = {
        "type": "actionCallback", "outTrackId": track, "corpId": corp, "userId": who, "spaceId": space,
        "content": json.dumps({"cardPrivateData": private}),
    }  # fmt: skip
    return Frame("card", CARD_TOPIC, {}, message_id, data, json.dumps(data))


async def receive(config_id: int, *frames: Frame) -> list[dict[str, Any]]:
    """Received; the responses of the acks."""
    intake = Intake(config_id, lambda: None)
    acks = [await intake.receive(frame) for frame in frames]
    assert None not in acks
    return [ack.data["response"] for ack in acks if ack]


def run_turns() -> list[str]:
    """What the turns of the stored clicks say."""

    async def run() -> list[str]:
        turns = await db.call(claim, "me", 10)
        results = [await clicks.handle(turn, None) for turn in turns]  # type: ignore[arg-type]
        for turn in turns:
            await db.call(finish, turn)
        return [reply.text for result in results for reply in result.replies]

    return asyncio.run(run())


def test_approval_is_decided_before_the_ack_which_carries_the_new_card() -> None:
    config = company()
    code = asked(config)
    (response,) = asyncio.run(receive(config.pk, click("wang", code, "approve")))
    shown = response["cardData"]["cardParamMap"]
    assert "已批准" in shown["title"]
    assert "已同意" in shown["content"]
    assert shown["buttons"] == "[]"
    assert Action.objects.count() == 1
    assert (
        OutboxRow.objects.filter(text__contains="wang先生", target__conversation_id="cid-group").count() == 1
    )
    assert run_turns() == [], "the ack told it"


@pytest.mark.parametrize(("who", "corp", "word"), [
    ("zhao", "corp", "四眼"), ("li", "corp", "角色"), ("wang", "other", "另一个企业"), ("wang", "", "哪个企业"), ("nobody", "corp", "人员名单"),
])  # fmt: skip
def test_click_of_the_wrong_person_changes_only_their_own_view(who: str, corp: str, word: str) -> None:
    config = company()
    code = asked(config)
    (response,) = asyncio.run(receive(config.pk, click(who, code, "approve", corp=corp)))
    assert "cardData" not in response
    assert word in response["userPrivateData"]["cardParamMap"]["title"]
    assert the(code).state == "proposed"


def forged(code: str, **changes: Any) -> Frame:
    """wang's approval, in what DingTalk says of it."""
    given: dict[str, Any] = {"who": "wang", "code": code, "verdict": "approve", **changes}
    return click(**given)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [
    {"track": "forged"}, {"track": ""}, {"track": "to-sun"}, {"track": "never-sent"}, {"track": "of-another"},
    {"space": "cid-other"}, {"space": "dtv1.card//IM_GROUP.cid-other"}, {"verdict": "withdraw"}, {"verdict": "confirm"},
], ids=str)  # fmt: skip
def test_click_counts_only_on_a_card_that_asked_it_of_this_person_or_group(changes: dict[str, Any]) -> None:
    """However it is signed: an address, a key or a forwarded card makes nobody an approver."""
    config = company()
    code = asked(config)
    show_card(config, code, "to-sun", "sun")
    asked_else = propose(config, "zhao", arguments={"ip": "203.0.113.9"})
    show_card(config, asked_else, "of-another")
    show_card(config, code, "never-sent")
    Card.objects.filter(out_track_id="never-sent").update(shown=False, state=CardState.GIVEN_UP)
    (response,) = asyncio.run(receive(config.pk, forged(code, **changes)))
    assert "不算数" in response["userPrivateData"]["cardParamMap"]["title"]
    assert (the(code).state, Action.objects.count()) == ("proposed", 0)
    refused = AuditRecord.objects.get(kind="approval", subject=f"proposal:{code}")
    assert (refused.what, refused.actor_id, refused.via) == ("决定未被接受", "corp:wang", "card")


@pytest.mark.slow
@pytest.mark.parametrize("place", [{}, {"space": ""}, {"space": "dtv1.card//IM_GROUP.cid-group"}, {"track": "own", "space": "wang"}],
                         ids=str)  # fmt: skip
def test_click_on_the_card_sent_there_counts(place: dict[str, str]) -> None:
    config = company()
    code = asked(config)
    show_card(config, code, "own", "wang")
    asyncio.run(receive(config.pk, forged(code, **place)))
    assert the(code).state == "approved"


def test_card_that_is_clicked_before_its_delivery_is_written_down_counts() -> None:
    config = company()
    code = asked(config)
    Card.objects.update(shown=False, state=CardState.OPEN)
    asyncio.run(receive(config.pk, forged(code)))
    assert the(code).state == "approved"


def test_card_of_another_configuration_decides_nothing() -> None:
    config = company()
    other, code = robot("corp", "dingtalk", "另一个"), asked(config)
    (response,) = asyncio.run(receive(other.pk, forged(code)))
    assert "不算数" in response["userPrivateData"]["cardParamMap"]["title"]
    assert the(code).state == "proposed"


def test_double_clicks_and_redelivery_decide_once() -> None:
    config = company()
    code = asked(config)
    frames = [click("wang", code, "approve", f"f{number % 2}") for number in range(4)]
    responses = asyncio.run(receive(config.pk, *frames))
    assert all("cardData" in response for response in responses)
    assert Action.objects.count() == 1
    assert InboxRow.objects.count() == 2
    assert OutboxRow.objects.count() == 2, "the card, and what came of it"


def test_what_was_not_decided_in_time_is_decided_by_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    config = company()
    code = asked(config)
    monkeypatch.setattr(cards, "DECIDE_WITHIN_S", -1.0)
    (response,) = asyncio.run(receive(config.pk, click("wang", code, "reject", reason="证据不足")))
    assert response == {}
    (text,) = run_turns()
    assert "已拒绝" in text
    assert the(code).reason == "证据不足"


@pytest.mark.parametrize(
    "params", [None, [], "x", {"code": 7}, {"verdict": "approve"}, {"code": "A2B3C4", "verdict": "run"}]
)
def test_other_clicks_are_stored_and_acknowledged(params: Any) -> None:
    config = company()
    data = {"userId": "wang", "content": json.dumps({"cardPrivateData": {"params": params}})}
    (response,) = asyncio.run(receive(config.pk, Frame("card", CARD_TOPIC, {}, "f1", data, json.dumps(data))))
    assert response == {}
    assert InboxRow.objects.count() == 1
    assert run_turns() == []


def test_ack_of_a_click_shows_nothing_alive() -> None:
    text = "![](https://evil.example) [x](dtmd://y) <b> \u202e"
    for status in ("decided", "refused"):
        values = str(cards.card_values(Decision(status, text, "A2B3C4", "approved", text)))  # type: ignore[arg-type]
        assert "evil" in values
        assert not [sign for sign in ("](", "<b>", "dtmd:", "\\u202e", "\u202e") if sign in values]
