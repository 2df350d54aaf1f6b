"""What the loop does when the model cannot answer: retries, the fallback, refusals."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.loop import run
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.llm.types import Message, Request
from secops_agent.tools.frames import FRAMES
from tests.scripted_model import Scripted, call
from tests.secops.test_loop_turns import ASKED, Estate

QUICK = TurnLimits(backoff_seconds=0.01)


def busy(seconds: float = 0.0) -> RateLimited:
    return RateLimited("请求过于频繁：通义千问正在限流。", retry_after=seconds, code="Throttling.RateQuota")


def down() -> RemoteError:
    return RemoteError("通义千问服务暂时出错（HTTP 502），稍后会自动恢复。", permanent=False, status=502)


def filtered() -> RemoteError:
    return RemoteError("内容安全拦截：请换一种说法。", permanent=True, code="content_filter")


def grammar(*steps: Any) -> Scripted:
    """Stands for the offline mode: one call for the question, then the text of the results."""
    return Scripted(
        steps or [call("list_alerts", keyword="离线"), "离线的回答"], name="离线模式", offline=True
    )


async def turn(model: Scripted, estate: Estate, limits: TurnLimits = QUICK, **more: Any) -> TurnOutcome:
    return await run(model, ASKED, estate.box(), limits, **more)


@pytest.mark.parametrize("error", [busy(), down(), RemoteError("断开。", permanent=False, code="network")])
async def test_passing_error_is_retried(error: BifangError) -> None:
    lines: list[str] = []
    model = Scripted([error, error, call("list_alerts"), error, "好了"])
    outcome = await turn(model, Estate(), on_progress=lines.append)
    assert (outcome.text, outcome.used_fallback, len(model.requests)) == ("好了", False, 5)
    assert any("重试" in line for line in lines)


async def test_retry_waits_as_long_as_the_service_asks() -> None:
    start = time.monotonic()
    await turn(Scripted([busy(0.3), "好了"]), Estate())
    assert time.monotonic() - start >= 0.3


async def test_retry_shows_the_answer_afresh() -> None:
    shown: list[str] = []
    halves = iter([down(), None])

    class Breaking(Scripted):
        async def complete(self, request: Request, on_delta: Any = None) -> Any:
            completion = await super().complete(request, on_delta)
            error = next(halves)
            if error:
                raise error
            return completion

    outcome = await turn(Breaking(["前半句", "完整的回答"]), Estate(), on_delta=shown.append)
    assert outcome.text == shown[-1] == "完整的回答"


async def test_lasting_outage_falls_back_and_says_why() -> None:
    estate, model = Estate(), Scripted(lambda request: down())
    outcome = await turn(model, estate, fallback=grammar())
    assert len(model.requests) == QUICK.retries + 1
    assert outcome.text == (
        "（脚本模型没有作答：通义千问服务暂时出错（HTTP 502），稍后会自动恢复。以下由离线模式回答。）\n\n离线的回答"
    )
    assert (outcome.used_fallback, outcome.stopped_by, estate.ran) == (True, "answer", ["离线"])
    assert outcome.notice in outcome.text


@pytest.mark.parametrize(
    "error",
    [
        BadCredentials("凭证错误：通义千问不接受这个 API Key。"),
        RemoteError("账号欠费：请充值。", permanent=True, code="arrears"),
        RemoteError("接口类型不对。", permanent=True, code="endpoint"),
    ],
)
async def test_permanent_error_falls_back_at_once(error: BifangError) -> None:
    model = Scripted([error])
    outcome = await turn(model, Estate(), fallback=grammar())
    assert len(model.requests) == 1
    assert error.message in outcome.text
    assert outcome.text.endswith("离线的回答")


async def test_throttling_longer_than_the_deadline_falls_back_at_once() -> None:
    start = time.monotonic()
    outcome = await turn(Scripted([busy(600)]), Estate(), fallback=grammar())
    assert outcome.used_fallback
    assert time.monotonic() - start < 60


async def test_model_that_hangs_is_given_up_at_the_deadline() -> None:
    estate = Estate()
    limits = TurnLimits(seconds=0.4, backoff_seconds=0.01)
    outcome = await turn(Scripted(["晚了"], delay_s=60), estate, limits, fallback=grammar())
    assert "0.4 秒内没有答完" in outcome.text
    assert outcome.text.endswith("离线的回答")
    assert estate.ran == ["离线"]


async def test_fallback_goes_on_from_useful_results_without_proposing_twice() -> None:
    estate = Estate()
    model = Scripted(
        [[call("block_ip", ip="203.0.113.5"), call("no_such_tool")], BadCredentials("凭证错误。")]
    )

    def render(request: Request) -> str:
        assert [message.role for message in request.messages[-2:]] == ["assistant", "tool"]
        assert "<证据" not in request.messages[-1].content
        return "已提议"

    outcome = await turn(model, estate, fallback=grammar(render))
    assert estate.ran == ["203.0.113.5"]
    assert [tool_run.result.proposal_code for tool_run in outcome.proposals] == ["K7Q2"]
    assert outcome.text.endswith("已提议")


async def test_fallback_after_useless_results_starts_from_the_question() -> None:
    estate = Estate()
    model = Scripted([call("list_alerts", nonsense=1), BadCredentials("凭证错误。")])
    offline = grammar()
    outcome = await turn(model, estate, fallback=offline)
    assert offline.requests[0].messages == ASKED
    assert (estate.ran, outcome.text.endswith("离线的回答")) == (["离线"], True)


async def test_fallback_may_repeat_a_call_that_had_failed() -> None:
    limits = TurnLimits(tool_seconds=0.05, backoff_seconds=0.01)
    outcome = await turn(
        Scripted([call("hang"), BadCredentials("凭证错误。")]),
        Estate(),
        limits,
        fallback=grammar(call("hang"), "没查到"),
    )
    assert [tool_run.executed for tool_run in outcome.tool_runs] == [True, True]


async def test_fallback_reads_its_own_form_of_the_dialogue() -> None:
    offline, plain = grammar("好"), (Message("user", "高危告警"),)
    await turn(
        Scripted([BadCredentials("凭证错误。")]), Estate(), fallback=offline, fallback_messages=lambda: plain
    )
    assert offline.requests[0].messages == plain


async def test_fallback_on_the_last_step_still_has_its_tools() -> None:
    estate = Estate()
    await turn(Scripted([BadCredentials("凭证错误。")]), estate, TurnLimits(steps=1), fallback=grammar())
    assert estate.ran == ["离线"]


async def test_content_filter_is_refused_in_chinese_and_shows_what_was_found() -> None:
    offline = grammar()
    outcome = await turn(Scripted([filtered()]), Estate(), fallback=offline)
    assert (outcome.text, outcome.stopped_by) == ("内容安全拦截：请换一种说法。", "content_filter")
    later = await turn(Scripted([call("list_alerts", keyword="甲"), filtered()]), Estate(), fallback=offline)
    assert later.text == "内容安全拦截：请换一种说法。\n\n已经查到的结果如下：\n\n两条告警甲"
    assert offline.requests == []


async def test_without_fallback_the_error_is_the_answer() -> None:
    outcome = await turn(Scripted([BadCredentials("凭证错误：请更换 API Key。")]), Estate())
    assert (outcome.text, outcome.stopped_by) == ("凭证错误：请更换 API Key。", "error")
    assert outcome.messages[-1] == Message("assistant", outcome.text)


async def test_failing_fallback_ends_with_its_reason() -> None:
    outcome = await turn(Scripted([BadCredentials("凭证错误。")]), Estate(), fallback=grammar(down()))
    assert outcome.stopped_by == "error"
    assert "凭证错误。" in outcome.text
    assert "HTTP 502" in outcome.text


async def test_offline_grammar_is_driven_by_the_same_loop() -> None:
    from secops_agent.llm.offline.lexicon import Lexicon
    from secops_agent.llm.offline.model import Offline

    offline = Offline(Lexicon(), datetime.now(UTC), FRAMES)
    outcome = await run(offline, (Message("user", "你好"),), Estate().box(), TurnLimits())
    assert "离线模式" in outcome.text
    assert outcome.model == "离线模式"
