"""Cards that fail: the answer arrives once, by another way, and no turn runs again; nothing is left hanging."""

import asyncio
from collections.abc import Iterator

import pytest

from bifang.channels.cards.breaker import REST_S
from bifang.channels.cards.models import Card, CardState
from bifang.channels.limits import Window
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Button, ReplySink, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.queues.outbox import notify
from dingtalk_integration.cards.platform import PERIOD, RATE, RESERVE, card_limiter
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.card_stage import GROUP, CardStage, open_card_stage


@pytest.fixture
def stage(database: Database) -> Iterator[CardStage]:
    with open_card_stage() as made:
        yield made


def route_of(row: InboxRow) -> list[str]:
    return [reply.route for reply in row.replies.order_by("id")]


def test_refused_template_becomes_markdown(stage: CardStage) -> None:
    stage.sim.faults(openapi_status={"value": 400, "path": "/v1.0/card/instances/createAndDeliver"})
    stage.start()
    row = stage.wait_done(stage.say())
    assert route_of(row) == ["group"]
    assert [reply["text"] for reply in stage.sim.replies()] == ["收到 你好"]
    assert stage.script.runs == 1


@pytest.mark.slow
def test_undelivered_card_inside_a_200_becomes_markdown(stage: CardStage) -> None:
    stage.script.held = True
    stage.sim.faults(card_deliver_false="群不存在")
    stage.start()
    said = stage.say()
    wait_until(lambda: stage.sim.cards(), within=15)
    stage.script.held = False
    row = stage.wait_done(said)
    assert route_of(row) == ["group"]
    assert Card.objects.get().state != CardState.OPEN
    closed = stage.wait_state(CardState.FAILED)
    assert closed.inbox_id == row.pk
    assert stage.script.runs == 1


@pytest.mark.slow
def test_rate_limit_while_streaming_backs_off_and_the_answer_still_completes_the_card(
    stage: CardStage,
) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    stage.sim.faults(openapi_qps={"value": True, "times": 2, "path": "/v1.0/card/"})
    stage.script.sinks[0].stream("有 3")
    wait_until(lambda: not stage.sim.get("/sim/faults").get("*"), within=15, what="both refusals")
    stage.script.held = False
    row = stage.wait_done(said)
    assert route_of(row) == ["card"]
    card = stage.wait_card(lambda card: card["finalized"])
    assert card["params"]["content"] == "收到 你好"


@pytest.mark.slow
def test_final_update_is_not_dropped(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    stage.sim.faults(openapi_qps={"value": True, "times": 1, "path": "/v1.0/card/streaming"})
    stage.script.held = False
    row = stage.wait_done(said)
    assert route_of(row) == ["card"]
    (card,) = stage.sim.cards()
    assert (card["finalized"], card["params"]["flowStatus"]) == (True, "3")


@pytest.mark.slow
def test_storm_of_rate_limits_ends_in_markdown_and_the_card_is_closed_later(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    stage.sim.faults(openapi_qps={"value": True, "path": "/v1.0/card/"})
    stage.script.held = False
    row = stage.wait_done(said, within=30)
    assert route_of(row) == ["group"]
    assert stage.script.runs == 1
    stage.sim.faults(clear=True)
    # Two calls: the end of the stream, then the state.
    closed = stage.wait_card(lambda card: card["failed"] and card["params"]["flowStatus"] == "5", within=40)
    assert "文字消息" in closed["params"]["content"]


def test_lost_answer_of_the_create_call_does_not_lose_or_double_the_answer(stage: CardStage) -> None:
    stage.sim.faults(
        openapi_lost={"value": True, "times": 1, "path": "/v1.0/card/instances/createAndDeliver"}
    )
    stage.start()
    row = stage.wait_done(stage.say(), within=30)
    assert route_of(row) == ["card"]
    (card,) = stage.sim.cards()
    assert card["params"]["content"] == "收到 你好"
    assert len(card["entries"]) == 1


def test_after_repeated_failures_cards_rest_for_half_an_hour(stage: CardStage) -> None:
    stage.sim.faults(card_deliver_false=True)
    stage.start()
    for _ in range(3):
        assert route_of(stage.wait_done(stage.say())) == ["group"]
    assert route_of(stage.wait_done(stage.say())) == ["group"]
    assert len(stage.sim.cards()) == 3
    stage.sim.faults(clear=True)
    stage.clock[0] += REST_S + 1
    assert route_of(stage.wait_done(stage.say())) == ["card"]


def test_person_without_staff_id_gets_markdown(stage: CardStage) -> None:
    stage.start()
    said = stage.say(staff_id="", group=False)
    wait_until(lambda: OutboxRow.objects.filter(state=State.DEAD).exists(), within=10)  # nor an API message
    assert not stage.sim.cards()
    assert InboxRow.objects.get(external_id=said).state == State.DONE


@pytest.mark.slow
def test_turn_that_runs_again_after_a_crash_uses_its_card(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    first = stage.wait_card()
    wait_until(lambda: Card.objects.filter(shown=True).exists(), within=10)
    stage.crash()
    stage.start()
    wait_until(lambda: stage.script.runs == 2, within=15)
    stage.script.sinks[1].stream("接着说")
    stage.wait_card(lambda card: "接着说" in card["params"]["content"])
    stage.script.held = False
    stage.wait_done(said)
    card = stage.wait_card(lambda card: card["finalized"])
    assert (card["out_track_id"], card["times_created"]) == (first["out_track_id"], 1)
    assert card["params"]["content"] == "收到 你好"


@pytest.mark.slow
def test_stopped_turn_closes_its_card_at_once(stage: CardStage) -> None:
    stage.script.held = True
    loop = stage.start()
    said = stage.say()
    stage.wait_card()
    row = InboxRow.objects.get(external_id=said)
    wait_until(lambda: Card.objects.filter(shown=True).exists(), within=10)
    stopped = inbox.stop(row.config_id, row.conversation_id, row.sender_id)
    assert loop._consumer is not None
    loop._consumer.abandon(frozenset(stopped))
    closed = stage.wait_card(
        lambda card: card["failed"] and card["params"].get("flowStatus") == "5", within=10
    )
    assert (closed["params"]["content"], closed["params"]["flowStatus"]) == ("已停止。", "5")
    stage.wait_state(CardState.FAILED)


@pytest.mark.slow
def test_cards_left_by_a_dead_process_are_closed_at_start_up(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    wait_until(lambda: Card.objects.filter(shown=True).exists(), within=10)
    stage.crash()
    InboxRow.objects.filter(external_id=said).update(state=State.DEAD)
    stage.start()
    closed = stage.wait_card(lambda card: card["failed"], within=10)
    assert closed["params"]["content"].startswith("处理中断")


def test_notification_with_buttons_is_a_card_of_its_own(stage: CardStage) -> None:
    stage.start()
    target = ReplyTarget("", is_group=False, staff_id="wangwu", robot_code="dingdemo")
    buttons = (Button("approve", "同意", "primary", {"code": "K7"}),)
    notify(stage.config_id, target, "请审批 K7", key="k7", title="审批", buttons=buttons)
    card = stage.wait_card()
    assert (card["params"]["content"], card["params"]["title"]) == ("请审批 K7", "审批")
    assert card["spaces"] == ["dtv1.card//IM_ROBOT.wangwu"]
    stage.wait_state(CardState.FINISHED)
    assert Card.objects.get().inbox is None


def test_plain_notification_is_markdown(stage: CardStage) -> None:
    stage.start()
    notify(stage.config_id, ReplyTarget(GROUP, is_group=True, robot_code="dingdemo"), "提醒", key="r1")
    (reply,) = stage.sim.wait_replies(1)
    assert reply["route"] == "group"
    assert not Card.objects.exists()


def test_hanging_card_api_slows_no_turn(stage: CardStage) -> None:
    stage.sim.faults(openapi_hang={"value": True, "path": "/v1.0/card/"})
    shown: list[str] = []

    def steps(sink: ReplySink) -> None:
        for number in range(1000):
            sink.stream("字" * number)
        shown.append("all")

    stage.script.steps = steps
    stage.start()
    said = stage.say()
    wait_until(lambda: InboxRow.objects.filter(external_id=said, state=State.DONE).exists(), within=3)
    assert shown == ["all"]
    stage.sim.faults(clear=True)
    stage.wait_done(said, within=30)


async def test_card_calls_keep_fifteen_a_second_and_leave_room_for_what_must_arrive() -> None:
    now = [0.0]
    window = Window(RATE, PERIOD, lambda: now[0], reserve=RESERVE)
    streamed = sum(window.try_enter() for _ in range(100))
    assert streamed == 10
    for _ in range(5):
        await asyncio.wait_for(window.enter(), 120)
    waiting = asyncio.create_task(window.enter())
    await asyncio.sleep(0)
    assert not waiting.done()
    now[0] += 1.2
    assert not window.try_enter()  # somebody waits: streaming stands back
    await asyncio.wait_for(waiting, 120)
    assert window.try_enter()


@pytest.mark.parametrize(("processes", "streamed"), [(1, 10), (2, 4), (30, 1)])
def test_several_workers_share_an_applications_card_calls(processes: int, streamed: int) -> None:
    limiter = card_limiter(on=True)
    for name in ("known", "new"):
        window = limiter.of(name)
        limiter.share(processes)
        assert sum(window.try_enter() for _ in range(100)) == streamed


@pytest.mark.slow
def test_many_cards_stay_under_the_limit(stage: CardStage) -> None:
    stage.start(limits=True)
    said = [stage.say(str(number), staff_id=f"p{number}") for number in range(30)]
    for one in said:
        stage.wait_done(one)
    limits = stage.sim.state()["limits"]["openapi"]
    create = [row["max"] for row in limits["windows"] if "createAndDeliver" in row["of"]]
    # Fifteen leave us; on a loaded machine one of them may arrive among those of the next second.
    assert max(create) < limits["limit"] == 20
    assert sorted(card["params"]["content"] for card in stage.sim.cards()) == sorted(
        f"收到 {number}" for number in range(30)
    )
