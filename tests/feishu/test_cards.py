"""Answers, buttons and standing cards in Feishu: grown, replaced, and as text where cards are refused."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Button, Reply, ReplyTarget, Suggestion
from bifang.channels.queues.outbox import notify
from bifang.channels.workers.consumer import Silent
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from feishu_integration.cards.platform import LEAP_MS, Sequences
from simulators.feishu.contents import walk
from tests.databases import Database
from tests.deadline import wait_until
from tests.feishu.card_stage import ROOM, FeishuCardStage, open_feishu_stage

APPROVE = Button("approve", "同意", "primary", {"code": "K7"})
CARDKIT, REPLY = "/open-apis/cardkit", "/open-apis/im/v1/messages"


@pytest.fixture
def stage(database: Database) -> Iterator[FeishuCardStage]:
    with open_feishu_stage() as made:
        yield made


def shown(card: dict[str, Any]) -> Any:
    """The card itself."""
    return json.loads(card["content"])


def markdown(card: dict[str, Any]) -> str:
    """Its Markdown."""
    (text,) = [one["content"] for one in shown(card)["body"]["elements"] if one.get("element_id") == "text"]
    return str(text)


def routes(row: InboxRow) -> list[str]:
    return [reply.route for reply in row.replies.order_by("id")]


def begin(stage: FeishuCardStage) -> str:
    """A turn that runs and shows so on a card."""
    stage.script.held = True
    stage.start()
    said = stage.say()
    stage.wait_card()
    return said


def tell(stage: FeishuCardStage, text: str, *, key: str, **fields: Any) -> None:
    """Something that nobody asked for, until it is out."""
    notify(stage.config_id, ReplyTarget(ROOM, is_group=True), text, key=key, title="告警", **fields)
    for loop in stage.loops:
        loop.wake()
    wait_until(lambda: not OutboxRow.objects.exclude(state__in=(State.DONE, State.DEAD)).exists(), within=30)


def test_quick_answer_is_a_text_and_no_card(stage: FeishuCardStage) -> None:
    stage.start()
    row = stage.wait_done(stage.say())
    assert (routes(row), stage.heard(), Card.objects.count()) == (["group"], [], 0)


@pytest.mark.slow
def test_slow_answer_grows_on_one_card_that_ends_whole(stage: FeishuCardStage) -> None:
    stage.script.answer = lambda turn: (Reply("**好** 了", suggestions=(Suggestion("更多"),)),)
    said = begin(stage)
    card = stage.wait_card()
    assert (card["reply_to"], markdown(card), shown(card)["config"]["streaming_mode"]) == (
        said,
        "正在处理…",
        True,
    )
    sink = stage.script.sinks[0]
    sink.progress("正在查询告警…")
    sink.stream("有 3 条")
    stage.wait_card(lambda card: markdown(card) == "> 🔧 查询告警\n\n有 3 条")
    stage.script.held = False
    row = stage.wait_done(said)
    card = stage.wait_card()
    assert (routes(row), stage.heard("post")) == (["card"], [])
    assert (markdown(card), shown(card)["config"]["streaming_mode"]) == (
        "> 🔧 查询告警\n\n**好** 了\n\n更多",
        False,
    )
    numbers, done = zip(*card["operations"], strict=True)
    assert list(numbers) == sorted(set(numbers))
    assert done[-2:] == ("settings", "replace")
    assert stage.wait_state(CardState.FINISHED).remote_id == card["card_id"]


@pytest.mark.slow
def test_taken_over_turn_completes_the_same_card_in_sequence(stage: FeishuCardStage) -> None:
    said = begin(stage)
    stage.script.sinks[0].stream("有 3 条")
    stage.wait_card(lambda card: markdown(card) == "有 3 条")
    stage.crash()
    stage.script.held = False
    stage.start()
    row = stage.wait_done(said)
    card = stage.wait_card(lambda card: markdown(card) == "收到 你好")
    numbers = [number for number, _ in card["operations"]]
    assert (routes(row), numbers) == (["card"], sorted(set(numbers)))
    assert numbers[-1] < LEAP_MS, "it knew where to count on"
    assert stage.script.runs == 2


@pytest.mark.slow
def test_entity_whose_message_was_lost_is_the_one_that_is_shown(stage: FeishuCardStage) -> None:
    """Feishu shows the first message of a key: a second entity would never be seen."""
    stage.sim.faults(openapi_lost={"value": True, "times": 1, "path": REPLY})
    said = begin(stage)
    stage.script.held = False
    stage.wait_done(said)
    card = stage.wait_card(lambda card: markdown(card) == "收到 你好")
    assert Card.objects.get().remote_id == card["card_id"]
    assert stage.sim.state()["calls"]["POST /open-apis/cardkit/v1/cards"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("code", ["300309", "200850"])
def test_stream_that_feishu_closed_still_ends_with_the_answer(stage: FeishuCardStage, code: str) -> None:
    said = begin(stage)
    stage.sim.faults(openapi_code={"value": int(code), "times": 1, "path": f"{CARDKIT}/v1/cards/"})
    stage.script.sinks[0].stream("有 3 条")
    wait_until(lambda: not stage.sim.get("/sim/faults").get("*"), within=15, what="the refusal")
    stage.script.held = False
    row = stage.wait_done(said)
    assert (routes(row), markdown(stage.wait_card())) == (["card"], "收到 你好")


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [{"openapi_limit": 1}, {"openapi_code": 99991400}, {"openapi_code": 300317}]
)
def test_limits_and_a_sequence_that_fell_delay_the_end_only(
    stage: FeishuCardStage, fault: dict[str, int]
) -> None:
    said = begin(stage)
    ((name, value),) = fault.items()
    stage.sim.faults(**{name: {"value": value, "times": 1, "path": f"{CARDKIT}/v1/cards/"}})
    stage.script.held = False
    row = stage.wait_done(said)
    assert (routes(row), markdown(stage.wait_card())) == (["card"], "收到 你好")


@pytest.mark.slow
def test_without_the_scope_answers_are_text_and_buttons_still_cards(stage: FeishuCardStage) -> None:
    stage.sim.faults(openapi_code={"value": 99991672, "path": CARDKIT})
    stage.script.held = True
    stage.start()
    said = [stage.say(staff_id=f"ou_{number}", group=False) for number in range(3)]
    wait_until(lambda: Card.objects.count() == 3, within=15)
    wait_until(lambda: all(sink.refused for sink in stage.script.sinks), within=15)  # type: ignore[attr-defined]
    stage.script.held = False
    assert [routes(stage.wait_done(one)) for one in said] == [["private"]] * 3
    stage.script.answer = lambda turn: (Reply("要封禁吗", title="审批", buttons=(APPROVE,)),)
    row = stage.wait_done(stage.say())
    assert routes(row) == ["card"]
    assert {card.state for card in Card.objects.exclude(part_key=row.replies.get().key)} <= {
        CardState.GIVEN_UP, CardState.FAILED,
    }  # fmt: skip


def test_growing_can_be_switched_off_and_buttons_stay(stage: FeishuCardStage) -> None:
    config = SystemConfig.objects.get()
    configs.save("feishu", config.name, True, {"streams_cards": False}, config=config)
    stage.start()
    stage.wait_done(stage.say())  # the configuration is known from here on
    stage.script.held = True
    stage.script.answer = lambda turn: (Reply("要封禁吗", title="审批", buttons=(APPROVE,)),)
    said = stage.say()
    wait_until(lambda: len(stage.script.sinks) == 2, within=15)
    assert isinstance(stage.script.sinks[1], Silent)
    stage.script.held = False
    assert routes(stage.wait_done(said)) == ["card"]


def test_buttons_bring_back_what_they_belong_to(stage: FeishuCardStage) -> None:
    stage.script.answer = lambda turn: (Reply("要封禁吗", title="封禁 <at id=all></at>", buttons=(APPROVE,)),)
    stage.start()
    said = stage.say()
    stage.wait_done(said)
    card = stage.wait_card()
    (button,) = [one for one in walk(shown(card)["body"]["elements"]) if one["tag"] == "button"]
    row = Card.objects.get()
    assert button["behaviors"] == [
        {"type": "callback", "value": {"track_id": row.out_track_id, "id": "approve", "code": "K7"}}
    ]
    assert (button["type"], card["reply_to"], row.remote_id) == ("primary", said, card["message_id"])
    assert shown(card)["header"]["title"]["content"] == "封禁 ＜at id=all＞＜/at＞"


@pytest.mark.slow
def test_a_card_says_its_title_once_and_what_was_done_to_the_asker_alone(stage: FeishuCardStage) -> None:
    there = ReplyTarget("", is_group=False, staff_id="ou_wangwu")
    stage.script.answer = lambda turn: (
        Reply("**封禁 IP**（尚未执行）\n\n要封禁吗", title="封禁 IP（尚未执行）", buttons=(APPROVE,)),
        Reply("请批", title="待审批：封禁 IP", target=there, buttons=(APPROVE,)),
    )
    stage.sim.message("", open_id="ou_wangwu", at_bot=False)  # from here on the bot may write to him
    said = begin(stage)
    stage.script.sinks[0].progress("正在封禁 IP…")
    stage.script.held = False
    stage.wait_done(said)
    wait_until(lambda: len(stage.heard()) == 2, within=15)
    own, approver = map(shown, stage.heard())
    titles = [one["header"]["title"]["content"] for one in (own, approver)]
    assert titles == ["毕方", "待审批：封禁 IP"]
    texts = [one["body"]["elements"][0]["content"] for one in (own, approver)]
    assert ["🔧" in one for one in texts] == [True, False]


@pytest.mark.slow
def test_standing_card_is_one_message_that_changes(stage: FeishuCardStage) -> None:
    stage.start()
    stage.sim.message("", chat_id=ROOM, group=True, at_bot=False)
    tell(stage, "一条告警", key="a1", card="alert:1", buttons=(APPROVE,))
    tell(stage, "两条告警", key="a2", card="alert:1")
    card = stage.wait_card()
    assert (markdown(card), card["updates"], card["reply_to"]) == ("两条告警", 1, "")
    tell(stage, "两条告警", key="a3", card="alert:1")
    assert stage.wait_card()["updates"] == 1, "it shows that already"


@pytest.mark.slow
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("state", [CardState.FINISHED, CardState.FAILED])
def test_standing_card_that_feishu_changes_no_more_begins_anew(state: str) -> None:
    with open_feishu_stage(uuid_ttl_s=0.0) as stage:  # Feishu forgot the first one's key an hour after it
        stage.start()
        stage.sim.message("", chat_id=ROOM, group=True, at_bot=False)
        tell(stage, "一条告警", key="a1", card="alert:1", buttons=(APPROVE,))
        Card.objects.update(state=state, created_at=F("created_at") - timedelta(days=14))
        first = stage.wait_card()["message_id"]
        stage.sim.faults(openapi_code={"value": 230031, "path": f"{REPLY}/{first}"})
        tell(stage, "两条告警", key="a2", card="alert:1", buttons=(APPROVE,))
        tell(stage, "三条告警", key="a3", card="alert:1", buttons=(APPROVE,))
        told = [(markdown(card), card["updates"]) for card in stage.heard()]
        assert told == [("一条告警", 0), ("三条告警", 1)]
        assert (stage.heard("post"), Card.objects.get().state) == ([], CardState.FINISHED)


@pytest.mark.slow
def test_whoever_is_to_look_is_mentioned_and_never_everybody(stage: FeishuCardStage) -> None:
    stage.start()
    stage.sim.message("", chat_id=ROOM, group=True, at_bot=False)
    for who in ("ou_wangwu", "all"):
        tell(stage, "请看", key=f"text:{who}", at_staff_id=who)
        tell(stage, "请批", key=f"card:{who}", at_staff_id=who, buttons=(APPROVE,))
    told = [json.loads(one["content"])["zh_cn"] for one in stage.heard("post")]
    assert {one["title"] for one in told} == {""}, "it would stand above a text that says it already"
    assert [one["content"] for one in told] == [
        [[{"tag": "at", "user_id": "ou_wangwu"}], [{"tag": "md", "text": "请看"}]],
        [[{"tag": "md", "text": "请看"}]],
    ]
    named = ["<at id=ou_wangwu></at>" in one["content"] for one in stage.heard()]
    assert (named, any("id=all" in one["content"] for one in stage.heard())) == ([True, False], False)


@pytest.mark.slow
def test_refused_update_becomes_a_text(stage: FeishuCardStage) -> None:
    stage.start()
    stage.sim.message("", chat_id=ROOM, group=True, at_bot=False)
    tell(stage, "一条告警", key="a1", card="alert:1", buttons=(APPROVE,))
    stage.sim.faults(openapi_code={"value": 230099, "times": 1, "path": f"{REPLY}/om_"})
    tell(stage, "两条告警", key="a2", card="alert:1")
    assert [one["text"].splitlines()[-1] for one in stage.heard("post")] == ["两条告警"]


def test_card_that_is_too_large_becomes_a_text(stage: FeishuCardStage) -> None:
    many = tuple(Button(f"b{number}", "钮" * 200, "default", {"code": "K" * 200}) for number in range(60))
    stage.script.answer = lambda turn: (Reply("要封禁吗", buttons=many),)
    stage.start()
    assert routes(stage.wait_done(stage.say())) == ["group"]


@pytest.mark.slow
def test_unfinished_card_of_a_stopped_turn_is_closed(stage: FeishuCardStage) -> None:
    said = begin(stage)
    stage.sim.faults(openapi_limit={"value": 1, "path": f"{CARDKIT}/v1/cards/"})
    stage.script.held = False
    row = stage.wait_done(said, within=40)
    assert routes(row) == ["group"]
    stage.sim.faults(clear=True)
    card = stage.wait_card(lambda card: "文字消息" in markdown(card), within=40)
    assert shown(card)["config"]["streaming_mode"] is False


def test_sequence_counts_on_above_whoever_was_before() -> None:
    now = [100.0]
    first = Sequences(0, lambda: now[0])
    taken = [first.take() for _ in range(3)]
    now[0] += 2
    taken.append(first.take())
    later = Sequences(2_001, lambda: now[0])
    taken.append(later.take())
    later.leap()
    taken.append(later.take())
    assert taken == [1, 2, 3, 2_000, 2_001, 602_001]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("taps", "left"),
    [
        ((Suggestion("确认", "K7"),), "要导入吗？"),
        ((Suggestion("确认", "K7"), Suggestion("更多")), "要导入吗？\n\n更多"),
        ((Suggestion("更多"), Suggestion("查看", "A1")), "要导入吗？\n\n更多 ｜ 查看 A1"),
        ((Suggestion("确认", "K8"),), "要导入吗？\n\n确认 K8"),
    ],
)
def test_what_a_button_does_is_not_written_beside_it(
    stage: FeishuCardStage, taps: tuple[Suggestion, ...], left: str
) -> None:
    buttons = (Button("confirm", "确认", "primary", {"code": "K7"}),)
    stage.script.answer = lambda turn: (Reply("要导入吗？", buttons=buttons, suggestions=taps),)
    stage.start()
    stage.wait_done(stage.say())
    assert markdown(stage.wait_card()) == left
