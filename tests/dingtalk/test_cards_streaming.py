"""A running turn on a card: created in the background, streamed in order, completed by its answer."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from bifang.channels.cards import streamer
from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import OutboxRow
from bifang.channels.ports import Button, Reply, ReplySink, ReplyTarget, Suggestion, Turn
from bifang.channels.workers.consumer import Silent
from bifang.core.errors import InvalidInput
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.card_stage import GROUP, CardStage, open_card_stage
from tests.dingtalk.quota_aid import use


@pytest.fixture
def stage(database: Database) -> Iterator[CardStage]:
    with open_card_stage() as made:
        yield made


def test_quick_answer_is_one_call(stage: CardStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamer, "QUIET_S", 60.0)  # quick, also on a busy machine
    stage.start()
    row = stage.wait_done(stage.say("在吗"))
    (card,) = stage.sim.cards()
    assert (card["params"]["content"], card["params"]["flowStatus"]) == ("收到 在吗", "3")
    assert (card["streams"], card["updates"], card["times_created"]) == (0, 0, 1)
    assert card["spaces"] == [f"dtv1.card//IM_GROUP.{GROUP}"]
    (reply,) = row.replies.all()
    assert (reply.route, reply.receipt) == ("card", card["out_track_id"])
    assert stage.wait_state(CardState.FINISHED).out_track_id == card["out_track_id"]


@pytest.mark.slow
def test_slow_turn_shows_a_card_then_tools_then_text_then_the_answer(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say(group=False)
    waiting = stage.wait_card()
    assert (waiting["params"]["content"], waiting["params"]["flowStatus"]) == ("正在处理…", "1")
    assert waiting["callback_type"] == "STREAM"
    sink = stage.script.sinks[0]
    sink.progress("正在查询告警…")
    stage.wait_card(lambda card: card["params"]["content"] == "正在查询告警…")
    sink.stream("有 3 条")
    typing = stage.wait_card(lambda card: "有 3 条" in card["params"]["content"])
    assert typing["params"]["content"] == "> 🔧 查询告警\n\n有 3 条"
    assert typing["params"]["flowStatus"] == "2"
    assert not typing["finalized"]
    stage.script.held = False
    stage.wait_done(said)
    card = stage.wait_card(lambda card: card["finalized"])
    assert card["params"] == {
        "title": "毕方",
        "content": "> 🔧 查询告警\n\n收到 你好",
        "flowStatus": "3",
    }
    assert (card["late_streams"], card["failed"], stage.script.runs) == (0, False, 1)


@pytest.mark.slow
def test_updates_of_one_card_are_paced_single_and_the_newest(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    sink = stage.script.sinks[0]
    numbers = count(1)

    def type_on() -> bool:
        sink.stream("字" * next(numbers))
        return bool(stage.sim.cards()[0]["streams"] >= 4)

    wait_until(type_on, within=15, every=0.005, what="four updates")
    sink.stream("最后一稿")
    card = stage.wait_card(lambda card: card["params"]["content"] == "最后一稿")
    assert next(numbers) > 50
    assert card["updated_at"] - card["created_at"] >= 3 * 800
    stage.script.held = False
    stage.wait_done(said)
    done = stage.wait_card(lambda card: card["finalized"])
    assert (done["streams"], done["params"]["content"]) == (card["streams"] + 1, "收到 你好")
    assert "parallel card updates" not in stage.sim.state()["counters"]


@pytest.mark.slow
def test_two_cards_at_once_show_their_own_turns(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    first = stage.say("一", staff_id="lisi", group=False)
    second = stage.say("二", staff_id="wangwu", group=False)
    wait_until(lambda: len(stage.sim.cards()) == 2, within=15)
    stage.script.held = False
    stage.wait_done(first)
    stage.wait_done(second)
    wait_until(lambda: all(card["finalized"] for card in stage.sim.cards()), within=15)
    texts = {card["spaces"][0].rpartition(".")[2]: card["params"]["content"] for card in stage.sim.cards()}
    assert texts == {"lisi": "收到 一", "wangwu": "收到 二"}


def test_long_answer_goes_on_in_a_second_message(stage: CardStage) -> None:
    text = "\n".join("一行内容" * 10 for _ in range(100))
    stage.script.answer = lambda turn: (Reply(text, title="长文"),)
    stage.start()
    row = stage.wait_done(stage.say())
    routes = list(row.replies.order_by("id").values_list("route", flat=True))
    assert routes == ["card", "group"]
    (card,) = stage.sim.cards()
    shown = card["params"]["content"] + "\n" + stage.sim.replies()[-1]["text"]
    assert len(card["params"]["content"]) <= 2900
    assert shown.count("一行内容") == 1000


def test_private_copy_is_no_part_of_the_groups_card(stage: CardStage) -> None:
    own = ReplyTarget("", is_group=False, staff_id="lisi", robot_code="dingdemo")
    stage.script.answer = lambda turn: (Reply("私下的话", target=own), Reply("大家听着"))
    stage.start()
    row = stage.wait_done(stage.say())
    assert sorted(row.replies.values_list("route", "text")) == [("card", "大家听着"), ("private", "私下的话")]
    assert stage.sim.cards()[0]["params"]["content"] == "大家听着"


@pytest.mark.slow
def test_buttons_appear_on_the_answers_card(stage: CardStage) -> None:
    buttons = (
        Button("approve", "同意", "primary", {"code": "A1"}),
        Button("reject", "拒绝", "danger", {"code": "A1"}),
    )
    stage.script.held = True
    stage.script.answer = lambda turn: (Reply("封禁 10.0.0.5？", title="审批 A1", buttons=buttons),)
    stage.start()
    said = stage.say()
    stage.wait_card()
    stage.script.held = False
    stage.wait_done(said)
    card = stage.wait_card(lambda card: card["params"].get("buttons"))
    assert card["params"]["title"] == "审批 A1"
    assert '"params": {"code": "A1"}' in card["params"]["buttons"]


def test_without_a_template_turns_are_silent(database: Database) -> None:
    with open_card_stage(template="") as stage:
        stage.start()
        stage.wait_done(stage.say())
        row = stage.wait_done(stage.say())
        assert isinstance(stage.script.sinks[-1], Silent)
        assert [reply.route for reply in row.replies.all()] == ["group"]
        assert not Card.objects.exists()
        assert not stage.sim.cards()


def test_failing_turn_tells_so_on_its_card(stage: CardStage) -> None:
    def answer(turn: Turn) -> tuple[Reply, ...]:
        raise InvalidInput("这条消息无法处理。")

    def show(sink: ReplySink) -> None:
        sink.progress("正在查询告警…")

    stage.script.answer, stage.script.steps, stage.script.held = answer, show, True
    stage.start()
    stage.say()
    stage.wait_card()
    stage.script.held = False
    card = stage.wait_card(lambda card: card["finalized"])
    assert "这条消息无法处理。" in card["params"]["content"]
    assert not card["failed"]


@pytest.mark.slow
def test_draft_is_asked_for_only_when_it_is_shown(stage: CardStage) -> None:
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    sink, asked, numbers = stage.script.sinks[0], count(), count(1)

    def draft() -> str:
        next(asked)
        return f"第 {next(numbers)} 稿" if stage.sim.cards()[0]["streams"] < 3 else "最后一稿"

    def type_on() -> bool:
        sink.stream(draft)
        return bool(stage.sim.cards()[0]["params"]["content"] == "最后一稿")

    wait_until(type_on, within=15, every=0.005, what="the last draft")
    assert next(asked) <= stage.sim.cards()[0]["streams"] + 2
    sink.stream(lambda: "")
    stage.script.held = False
    stage.wait_done(said)
    assert stage.wait_card(lambda card: card["finalized"])["params"]["content"] == "收到 你好"


@pytest.mark.slow
def test_nothing_alive_stands_on_a_card_whoever_wrote_it(stage: CardStage) -> None:
    poison = "![](https://evil.example/?q=1) [同意](dtmd://x) <b> \u202e"
    stage.script.held = True
    stage.script.answer = lambda turn: (
        Reply(
            poison, title=poison, buttons=(Button("a", poison),), suggestions=(Suggestion("确认", "A2B3C4"),)
        ),
    )
    stage.start()
    said = stage.say(group=False)
    stage.wait_card()
    shown: list[str] = []
    sink = stage.script.sinks[0]
    sink.progress(f"正在{poison}…")
    shown.append(stage.wait_card(lambda card: "evil" in card["params"]["content"])["params"]["content"])
    sink.stream(f"草稿 {poison}")
    shown.append(stage.wait_card(lambda card: "草稿" in card["params"]["content"])["params"]["content"])
    stage.script.held = False
    stage.wait_done(said)
    shown.append(str(stage.wait_card(lambda card: card["params"]["flowStatus"] == "3")["params"]))
    for text in shown:
        assert "evil" in text
        assert not [sign for sign in ("](", "<b>", "dtmd:", "\u202e") if sign in text], text
    assert "确认 A2B3C4" in shown[-1]


def test_standard_edition_shows_an_answer_only_when_it_is_complete(database: Database) -> None:
    with open_card_stage(edition="standard") as stage:
        assert not streams(stage)
        assert [(card["streams"], card["updates"]) for card in stage.sim.cards()] == [(0, 0), (0, 0)]
        assert {card["params"]["flowStatus"] for card in stage.sim.cards()} == {"3"}


@pytest.mark.slow
@pytest.mark.parametrize(("percent", "cards", "route"), [(94, 2, "card"), (95, 0, "group")])
def test_scarce_calls_are_spared_and_every_answer_arrives(
    stage: CardStage, settings: Any, percent: int, cards: int, route: str
) -> None:
    settings.RATE_LIMITS = True
    use("dingdemo", percent * 2_000)
    asyncio.run(stage.counter.save())
    assert streams(stage) == (percent < 95)
    assert [(row.route, row.text) for row in OutboxRow.objects.all()] == [(route, "收到 你好")] * 2
    assert len(stage.sim.cards()) == cards


def streams(stage: CardStage) -> bool:
    """May an answer grow on its card? Known from the second turn on, when the configuration was looked at."""
    stage.start()
    for _ in range(2):
        stage.wait_done(stage.say())
    return not isinstance(stage.script.sinks[-1], Silent)
