"""Clicks on Feishu's cards: decided before the ack, answered with toast and card; whatever comes, nothing twice."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming
from bifang.channels.queues.inbox import claim
from bifang.core.database import db
from bifang.core.models import SystemConfig
from feishu_integration.handlers import cards
from feishu_integration.handlers.intake import FeishuIntake
from feishu_integration.stream.client import Pushed
from secops_agent.agent.acting.buttons import Pressed
from secops_agent.agent.acting.clicks import Clicked
from secops_agent.models import Action
from secops_agent.services.decisions.requests import Decision
from secops_agent.services.notifications.delivery.notices import AlertNotice
from tests.channels.boxes import finish
from tests.secops.decisions_aid import company, propose, robot, show_card, some_alert, the

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


def asked(config: SystemConfig, staff_id: str = "", track: str = "bf-1") -> str:
    """A proposal of zhao's, and the card that asks for its decision; its code."""
    return show_card(config, propose(config, "zhao"), track, staff_id, "oc_group")


def click(who: str, value: Any, tenant: str = "corp", event_id: str = "", **action: Any) -> Pushed:
    header = {
        "event_id": event_id or f"e{next(_numbers)}",
        "event_type": "card.action.trigger",
        "tenant_key": "corp",
    }
    event = {
        "operator": {"tenant_key": tenant, "open_id": who}, "token": "c-1", "host": "im_message",
        "action": {"value": value, "tag": "button", **action}, "context": {"open_chat_id": "oc_group"},
    }  # fmt: skip
    body = {"schema": "2.0", "header": header, "event": event}
    return Pushed(f"m{next(_numbers)}", json.dumps(body).encode())


def button(code: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {"track_id": "bf-1", "id": verdict, "code": code, "verdict": verdict, **more}


def receive(config: SystemConfig, *pushed: Pushed) -> list[Any]:
    """Received; the answers in the acks."""

    async def run() -> list[Any]:
        intake = FeishuIntake(config.pk, lambda: None)
        taken = [await intake.receive(each) for each in pushed]
        assert None not in taken
        return [each.answer for each in taken if each]

    return asyncio.run(run())


def run_turns() -> tuple[list[str], list[str]]:
    """What the turns of the stored clicks say, and what is noted beside them."""

    async def run() -> tuple[list[str], list[str]]:
        turns = await db.call(claim, "me", 10)
        results = [await cards.handle(turn, None) for turn in turns]  # type: ignore[arg-type]
        for turn in turns:
            await db.call(finish, turn)
        return [reply.text for one in results for reply in one.replies], [one.note for one in results]

    return asyncio.run(run())


def test_approval_is_answered_with_toast_and_card() -> None:
    config = company(kind="feishu")
    code = asked(config)
    (answer,) = receive(config, click("wang", button(code, "approve")))
    assert answer["toast"] == {"type": "success", "content": "封禁 IP：已批准"}
    shown = json.dumps(answer["card"], ensure_ascii=False)
    assert (answer["card"]["type"], answer["card"]["data"]["schema"]) == ("raw", "2.0")
    assert "已同意" in shown
    assert "wang先生" not in shown
    assert '"button"' not in shown
    assert (Action.objects.count(), the(code).decider_id) == (1, "corp:wang")
    row = InboxRow.objects.get()
    assert (row.kind, row.sender_id, row.conversation_id, row.state) == (
        "card",
        "wang",
        "oc_group",
        State.PENDING,
    )
    assert run_turns() == ([], [""]), "the answer told it"


@pytest.mark.slow
@pytest.mark.parametrize(("who", "word"), [("zhao", "四眼"), ("li", "角色"), ("ou_nobody", "人员名单")])
def test_refusal_is_a_toast_for_the_clicker_alone(who: str, word: str) -> None:
    config = company(kind="feishu")
    code = asked(config)
    (answer,) = receive(config, click(who, button(code, "approve")))
    assert word in answer["toast"]["content"]
    assert (answer["toast"]["type"], list(answer)) == ("error", ["toast"])
    assert the(code).state == "proposed"


@pytest.mark.parametrize("tenant", ["other", ""])
def test_somebody_of_another_tenant_presses_nothing(tenant: str) -> None:
    """Of a card that was forwarded; not even with the id of one of ours, nor where everybody may look."""
    config = company(kind="feishu")
    SystemConfig.objects.filter(pk=config.pk).update(
        params={"default_role": "viewer"}
    )  # tenant not known yet
    code, alert = asked(config), f"A{some_alert()}"
    pushed = [
        click("wang", button(*one), tenant)
        for one in ((code, "approve"), (alert, "view"), (alert, "acknowledge"))
    ]
    assert receive(config, *pushed) == [{}, {}, {}]
    assert run_turns() == ([], [cards.OUTSIDER] * 3)
    assert the(code).state == "proposed"


@pytest.mark.parametrize("track", ["bf-forged", "to-sun"])
def test_click_on_no_card_that_was_sent_to_them_decides_nothing(track: str) -> None:
    config = company(kind="feishu")
    code = asked(config)
    show_card(config, code, "to-sun", "sun")
    (answer,) = receive(config, click("wang", button(code, "approve") | {"track_id": track}))
    assert "不算数" in answer["toast"]["content"]
    assert (the(code).state, Action.objects.count()) == ("proposed", 0)


def test_card_forwarded_to_another_group_decides_nothing_there() -> None:
    config = company(kind="feishu")
    code = show_card(config, propose(config, "zhao"), "bf-1", conversation="oc_original")
    (answer,) = receive(config, click("wang", button(code, "approve")))
    assert "不算数" in answer["toast"]["content"]
    assert the(code).state == "proposed"


def test_replayed_click_decides_once() -> None:
    config = company(kind="feishu")
    code = asked(config)
    pushed = [click("wang", button(code, "approve"), event_id=f"same{number % 2}") for number in range(4)]
    assert all("已批准" in answer["toast"]["content"] for answer in receive(config, *pushed))
    assert Action.objects.count() == 1
    assert InboxRow.objects.count() == 2
    assert run_turns()[0] == []


def test_token_that_comes_again_with_another_event_id_decides_nothing_more() -> None:
    """Nothing goes by the token: what a press did is known by the proposal itself."""
    config = company(kind="feishu")
    code = asked(config)
    receive(config, click("wang", button(code, "approve")))

    def written() -> tuple[int, ...]:
        return tuple(model.objects.count() for model in (Action, OutboxRow))

    before = written()
    again, other = receive(
        config, click("wang", button(code, "approve")), click("sun", button(code, "reject"))
    )
    assert "已批准" in again["toast"]["content"]
    assert (other["toast"]["type"], "card" in other) == ("error", False)
    assert (written(), the(code).state, the(code).decider_id) == (before, "approved", "corp:wang")
    assert run_turns() == ([], [""] * 3)


def test_what_is_not_decided_in_time_is_told_by_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    config = company(kind="feishu")
    code = asked(config)
    monkeypatch.setattr(cards, "DECIDE_WITHIN_S", -1.0)
    (answer,) = receive(config, click("wang", button(code, "reject", reason="证据不足")))
    assert (answer["toast"]["type"], "card" in answer) == ("info", False)
    (text,), _ = run_turns()
    assert "已拒绝" in text
    assert the(code).reason == "证据不足"


def nested(depth: int) -> Any:
    return {"verdict": nested(depth - 1)} if depth else {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    [
        None, [], "approve", 7, {"code": 7, "verdict": "approve"}, {"verdict": ["approve"], "code": {}}, nested(90),
        {"track_id": "x" * 100_000, "code": "y" * 100_000, "verdict": "approve"},
        {str(number): "approve" for number in range(5000)}, {"verdict": "run", "code": "A2B3C4"},
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_is_no_button_of_ours_is_stored_and_acknowledged(value: Any) -> None:
    config = company(kind="feishu")
    assert receive(config, click("wang", value, form_value={"verdict": "approve"})) == [{}]
    row = InboxRow.objects.get()
    assert len(json.dumps(row.payload)) < 10_000
    assert run_turns() == ([], [""])


def test_a_chat_that_is_called_like_a_page_of_ours_is_a_dead_letter() -> None:
    config = company(kind="feishu")
    message = {
        "message_id": "om_1",
        "chat_id": "web:1",
        "chat_type": "p2p",
        "content": "{}",
        "message_type": "text",
    }
    sender = {"sender_id": {"open_id": "li"}, "tenant_key": "corp"}
    header = {"event_id": "e", "event_type": "im.message.receive_v1", "tenant_key": "corp"}
    body = {"header": header, "event": {"message": message, "sender": sender}}
    receive(config, Pushed("m", json.dumps(body).encode()))
    assert (InboxRow.objects.get().state, InboxRow.objects.get().target) == (State.DEAD, None)


def test_what_no_database_holds_is_a_dead_letter() -> None:
    config = company(kind="feishu")
    receive(
        config, click("wang", {"code": "A\x00", "verdict": "approve"}), click("wang", button("A", "\ud800"))
    )
    assert set(InboxRow.objects.values_list("state", flat=True)) == {State.DEAD}


@pytest.mark.parametrize(
    "raw",
    [
        b'"text":"\xed\xa0\x80"',
        '"text":"\\ud800"'.encode("utf-16-le"),
        b'"message_type":"text","content":"{\\"text\\":\\"\\u005cud800\\"}"',
    ],
    ids=["bytes", "utf-16", "json-in-json"],
)
def test_half_characters_that_json_lets_through_are_dead_letters_too(raw: bytes) -> None:
    """Not stored, they would come again for hours."""
    config = company(kind="feishu")
    shell = '{"header":{"event_type":"im.message.receive_v1","event_id":"e"},"event":{"message":{%%}}}'
    code = "utf-16-le" if b"\x00" in raw else "utf-8"
    before, behind = shell.split("%%")
    receive(config, Pushed("m", before.encode(code) + raw + behind.encode(code)))
    assert InboxRow.objects.get().state == State.DEAD


def test_button_of_another_configuration_or_card_does_nothing() -> None:
    config = company(kind="feishu")
    other = robot("corp", "feishu", "另一个")
    code, alert = asked(config), f"A{some_alert()}"
    approved, ordered = receive(
        other, click("wang", button(code, "approve")), click("li", button(alert, "acknowledge"))
    )
    assert "不算数" in approved["toast"]["content"]
    assert "失效" in ordered["toast"]["content"]
    assert the(code).state == "proposed"


def test_answer_shows_how_the_alert_stands_with_buttons_that_come_back() -> None:
    from bifang.channels.ports import Suggestion

    notice = AlertNotice(
        "A7", "规则 [x](https://evil)", "<at id=all></at> **处理中**", (Suggestion("误报", "A7"),)
    )
    item = Incoming(1, "card", "e1", payload={"out_track_id": "bf-7"})
    answer = cards.answer_to(
        Clicked(item, Pressed("done", "**李四** 已确认 A7\n\n撤销：回复「重开 A7」", notice))
    )
    assert answer["toast"]["content"].startswith("李四 已确认 A7")
    shown = json.dumps(answer["card"]["data"], ensure_ascii=False)
    assert '{"code": "A7", "verdict": "false_positive", "track_id": "bf-7", "id": "false_positive"}' in shown
    assert "<at id=all" not in shown


def test_answer_shows_nothing_alive() -> None:
    text = "![](https://evil.example) <at id=all></at> \u202e" + "长" * 500
    item = Incoming(1, "card", "e1", payload={"out_track_id": "bf-7"})
    for status in ("decided", "refused"):
        decision = Decision(status, text, "A2B3C4", "approved", text)  # type: ignore[arg-type]
        answer = cards.answer_to(Clicked(item, decision))
        shown = json.dumps(answer, ensure_ascii=False)
        assert "evil" in shown
        assert not [sign for sign in ("![](", "<at", "\u202e", "\\u202e") if sign in shown]
        assert len(answer["toast"]["content"]) <= cards.LONGEST_TOAST
