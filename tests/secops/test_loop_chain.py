"""A chain of models: each goes on once, no action twice, and it is said who answered."""

from typing import Any

import pytest

from bifang.core.errors import BifangError, RateLimited, RemoteError
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.loop import run
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.llm.types import Completion, Delta, Message, OnDelta, Request, Terms, Usage
from tests.scripted_model import Scripted, call
from tests.secops.test_loop_turns import ASKED, Estate

QUICK = TurnLimits(backoff_seconds=0.01)


async def chain(
    first: Scripted, second: Scripted, estate: Estate | None = None, **options: Any
) -> TurnOutcome:
    box = (estate or Estate()).box()
    return await run(first, ASKED, box, QUICK, second=[second], fallback=offline(), **options)


def offline() -> Scripted:
    return Scripted([call("list_alerts", keyword="离线"), "离线的回答"], name="离线模式", offline=True)


def other(*steps: Any) -> Scripted:
    return Scripted(steps, name="第二模型", usage=Usage(7, 3))


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("没有及时回应。", permanent=False, code="timeout"),
        RemoteError("连接中途断开。", permanent=False, code="network"),
        RemoteError("证书不对。", permanent=False, code="tls"),
        RateLimited("限流。", retry_after=30),
        RemoteError("排队已满。", permanent=False, code="queue"),
        RemoteError("上下文过长。", permanent=True, code="context_overflow"),
    ],
)
async def test_whatever_is_wrong_the_next_answers_at_once(error: BifangError) -> None:
    first, second = Scripted([error]), other("第二个的回答")
    outcome = await chain(first, second)
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert outcome.text == f"（脚本模型没有作答：{error.message}以下由第二模型回答。）\n\n第二个的回答"
    assert (outcome.used_fallback, outcome.offline) == (True, False)


async def test_both_fail_and_the_offline_mode_says_why() -> None:
    down = RemoteError("服务出错。", permanent=True, code="server")
    outcome = await chain(Scripted([down]), other(down))
    assert outcome.offline
    assert outcome.text.startswith(
        "（脚本模型没有作答：服务出错。第二模型没有作答：服务出错。以下由离线模式回答。）"
    )
    assert outcome.text.endswith("离线的回答")


async def test_no_action_is_proposed_twice_whatever_the_reason_given() -> None:
    estate = Estate()
    first = Scripted(
        [call("block_ip", ip="203.0.113.5"), RemoteError("断开。", permanent=False, code="network")]
    )
    second = other(call("block_ip", ip="203.0.113.5"), "已提议")
    outcome = await chain(first, second, estate)
    assert estate.ran == ["203.0.113.5"]
    assert len(outcome.proposals) == 1
    assert [one.role for one in second.requests[0].messages[-2:]] == ["assistant", "tool"]


async def test_calls_that_bring_nothing_are_left_to_the_next() -> None:
    bad = call("list_alerts", nonsense=1)
    first, second = Scripted([bad, bad, bad, "不会来"]), other("第二个的回答")
    outcome = await chain(first, second)
    assert len(first.requests) == 3
    assert "连续几次查询都没有成功" in outcome.notice
    repaired = await chain(Scripted([bad, call("list_alerts", keyword="甲"), "好了"]), other())
    assert repaired.text == "好了"


async def test_empty_answer_is_asked_for_once_more_then_left_to_the_next() -> None:
    first = Scripted(["", ""])
    outcome = await chain(first, other("第二个的回答"))
    assert (len(first.requests), outcome.text.endswith("第二个的回答")) == (2, True)
    found = await chain(Scripted([call("list_alerts", keyword="甲"), " "]), other())
    assert found.text == "两条告警甲"


class Half(Scripted):
    """Says half of a sentence, and breaks."""

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        if on_delta is not None:
            on_delta(Delta("前半句"))
        raise RemoteError("连接在回答中途断开。", permanent=False, code="network")


async def test_half_an_answer_is_marked() -> None:
    shown = list[str]()
    outcome = await chain(Half([]), other("完整的回答"), on_delta=shown.append)
    assert outcome.notice.startswith("（脚本模型答到一半断开，那半句不算：连接在回答中途断开。以下由第二模型")
    assert outcome.text == shown[-1]
    alone = await run(Half([]), ASKED, Estate().box(), TurnLimits(retries=0))
    assert alone.text == "连接在回答中途断开。\n\n前半句\n\n（回答在这里断开，以上不完整。）"


async def test_each_model_has_its_own_bill() -> None:
    first = Scripted(
        [call("list_alerts", keyword="甲"), RemoteError("断开。", permanent=False, code="network")]
    )
    second = other("好")
    first.terms, second.terms = Terms(1), Terms(2)
    outcome = await chain(first, second)
    assert {bill.config_id: bill.usage for bill in outcome.bills} == {1: Usage(100, 20), 2: Usage(7, 3)}
    assert outcome.usage == Usage(107, 23)


async def test_waiting_in_line_is_told() -> None:
    class Waiting(Scripted):
        async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
            assert on_delta is not None
            on_delta(Delta(notice="排队中：前面还有 2 个提问"))
            return await super().complete(request, on_delta)

    told = list[str]()
    await run(Waiting(["好"]), ASKED, Estate().box(), QUICK, on_progress=told.append)
    assert told == ["排队中：前面还有 2 个提问"]


async def test_dialogue_is_cut_to_what_each_model_reads() -> None:
    history = [Message(role, f"第 {n} 句" + "话" * 300) for n in range(10) for role in ("user", "assistant")]
    asked = (ASKED[0], *history, ASKED[-1])  # type: ignore[list-item]
    small, large = Scripted(["好"], terms=Terms(room=2500)), Scripted(["好"])
    for model in (small, large):
        await run(model, asked, Estate().box(), QUICK)
    assert len(large.requests[0].messages) == len(asked)
    kept = small.requests[0].messages
    assert 2 < len(kept) < 10
    assert kept[1].role == "user"
    assert kept[-1].content == ASKED[-1].content
    tiny = await run(
        Scripted(["好"], terms=Terms(room=300)), asked, Estate().box(), QUICK, fallback=offline()
    )
    assert "上下文过长" in tiny.notice
