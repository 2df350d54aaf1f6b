"""Qwen over the real dashscope SDK against a local server."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bifang.core.errors import BadCredentials, ConfigError, RemoteError
from secops_agent.llm import qwen_session
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.types import Delta, Message, Request, ToolCall, ToolSpec
from tests.deadline import eventually
from tests.fake_dashscope import Broken, Calls, FakeDashScope, Page, Raw, Say

KEY = "sk-test-0123456789abcdef"
TOOL = ToolSpec("list_alerts", "列出告警", {"type": "object", "properties": {"limit": {"type": "integer"}}})


@pytest.fixture
async def fake() -> AsyncIterator[FakeDashScope]:
    async with FakeDashScope(api_keys={KEY}) as server:
        yield server
        await qwen_session.close_sessions()


def qwen(fake: FakeDashScope, **changes: object) -> Qwen:
    # One address per test keeps what "auto" learned in one test away from the others.
    settings = QwenSettings("通义千问", "qwen-plus", KEY, base_url=fake.base_url)
    return Qwen(replace(settings, **changes))  # type: ignore[arg-type]


def ask(text: str = "你好", **changes: object) -> Request:
    messages = (Message("system", "你是毕方"), Message("user", text))
    return replace(Request(messages, timeout=120), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
async def test_qwen_streams_text_on_both_endpoints(fake: FakeDashScope, model: str) -> None:
    fake.script(Say("今天有三条高危告警，需要处理。", usage=(212, 21, 128)))
    shown: list[str] = []
    settings = {"model": model, "endpoint": "text" if model == "qwen-plus" else "multimodal"}
    got = await qwen(fake, **settings).complete(ask(), lambda delta: shown.append(delta.content))
    assert got.message == Message("assistant", "今天有三条高危告警，需要处理。")
    assert (got.finish_reason, got.model, got.request_id) == ("stop", model, "fake-request")
    assert (got.usage.input_tokens, got.usage.output_tokens, got.usage.cached_tokens) == (212, 21, 128)
    assert len(shown) > 1
    assert "".join(shown) == got.message.content


async def test_qwen_sends_explicit_parameters_and_its_own_key(fake: FakeDashScope) -> None:
    await qwen(fake, workspace="llm-ws1").complete(ask(tools=(TOOL,), max_tokens=99, temperature=0.1))
    sent = fake.seen[0]
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["X-DashScope-WorkSpace"] == "llm-ws1"
    assert sent.headers["X-DashScope-SSE"] == "enable"
    assert {key: value for key, value in sent.body["parameters"].items() if key != "tools"} == {
        "incremental_output": True,
        "result_format": "message",
        "enable_thinking": False,
        "temperature": 0.1,
        "max_tokens": 99,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    assert sent.body["parameters"]["tools"][0]["function"]["name"] == "list_alerts"


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
async def test_qwen_merges_fragments_of_parallel_tool_calls(fake: FakeDashScope, model: str) -> None:
    fake.script(
        Calls(
            ("list_alerts", {"severity": "high", "limit": 20}), ("lookup_cve", {"cve_id": "CVE-2021-44228"})
        )
    )
    got = await qwen(fake, model=model).complete(ask(tools=(TOOL,)))
    assert got.finish_reason == "tool_calls"
    assert [(call.id, call.name) for call in got.message.tool_calls] == [
        ("call_1", "list_alerts"),
        ("call_2", "lookup_cve"),
    ]
    assert json.loads(got.message.tool_calls[0].arguments) == {"severity": "high", "limit": 20}
    assert json.loads(got.message.tool_calls[1].arguments) == {"cve_id": "CVE-2021-44228"}


async def test_qwen_gives_reasoning_apart_from_the_answer(fake: FakeDashScope) -> None:
    fake.script(Say("有。", reasoning="先想一想这个问题"))
    deltas: list[Delta] = []
    got = await qwen(fake, enable_thinking=True).complete(ask(), deltas.append)
    assert got.message.content == "有。"
    assert "".join(delta.reasoning for delta in deltas) == "先想一想这个问题"
    assert fake.seen[0].body["parameters"]["enable_thinking"] is True


async def test_qwen_survives_odd_events(fake: FakeDashScope) -> None:
    whole = {"role": "assistant", "content": [{"text": "完"}, {"text": "整"}], "tool_calls": None}
    fake.script(
        Raw(
            (
                {"output": {"choices": []}, "usage": None},
                {"output": {"choices": [{"message": whole, "finish_reason": None}]}},
                {"output": {"choices": [{"message": None, "finish_reason": "stop"}]}},
                {"output": {"choices": []}, "usage": {"input_tokens": 3, "output_tokens": None}},
            )
        )
    )
    got = await qwen(fake, endpoint="text").complete(ask())
    assert got.message.content == "完整"
    assert got.usage.input_tokens == 3


async def test_qwen_replays_a_tool_round_in_wire_format(fake: FakeDashScope) -> None:
    history = (
        Message("user", "看告警"),
        Message("assistant", "", (ToolCall("call_1", "list_alerts", "{broken"),)),
        Message("tool", "没有\ud800数据", tool_call_id="call_1", name="list_alerts"),
    )
    await qwen(fake).complete(Request(history, timeout=120))
    await qwen(fake, model="qwen3.7-plus", endpoint="multimodal").complete(Request(history, timeout=120))
    text, lists = (seen.body["input"]["messages"] for seen in fake.seen)
    assert text[1]["content"] == ""
    assert text[1]["tool_calls"][0]["function"] == {"name": "list_alerts", "arguments": "{}"}
    assert text[2] == {
        "role": "tool",
        "content": "没有?数据",
        "tool_call_id": "call_1",
        "name": "list_alerts",
    }
    assert (lists[0]["content"], lists[1]["content"]) == ([{"text": "看告警"}], [])
    assert lists[2]["content"] == "没有?数据"


async def test_auto_endpoint_switches_once_and_remembers(fake: FakeDashScope) -> None:
    model = qwen(fake, model="qwen3.7-plus")
    assert (await model.complete(ask("一"))).message.content == "收到：一"
    assert (await qwen(fake, model="qwen3.7-plus").complete(ask("二"))).message.content == "收到：二"
    tasks = [seen.path.split("/")[-2] for seen in fake.seen]
    assert tasks == ["text-generation", "multimodal-generation", "multimodal-generation"]


async def test_wrong_fixed_endpoint_names_the_setting_to_change(fake: FakeDashScope) -> None:
    with pytest.raises(RemoteError, match="接口类型") as caught:
        await qwen(fake, model="qwen3.7-plus", endpoint="text").complete(ask())
    assert caught.value.code == "endpoint"
    assert caught.value.permanent
    assert len(fake.seen) == 1


async def test_user_text_that_names_a_file_is_sent_as_text(fake: FakeDashScope, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("private", encoding="utf-8")
    model = qwen(fake, model="qwen3.7-plus", endpoint="multimodal")
    for text in (str(secret), f"file://{secret}", "oss://bucket/object"):
        assert (await model.complete(ask(text))).message.content == f"收到：{text}"
    assert len(fake.seen) == 3


@pytest.mark.slow
async def test_two_hundred_calls_run_side_by_side() -> None:
    await qwen_session.warm_up()
    async with FakeDashScope(api_keys={KEY}, together=200) as fake:
        model = qwen(fake)
        answers = await asyncio.gather(
            *(model.complete(ask(f"问{number}", timeout=300)) for number in range(200))
        )
        await qwen_session.close_sessions()
    assert [answer.message.content for answer in answers] == [f"收到：问{number}" for number in range(200)]
    assert fake.peak == 200


async def test_cancelled_call_leaves_at_once_and_hangs_up(fake: FakeDashScope) -> None:
    fake.script(Broken("stall"))
    started = asyncio.Event()
    call = asyncio.create_task(qwen(fake).complete(ask(timeout=600), lambda delta: started.set()))
    await asyncio.wait_for(started.wait(), 120)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 120)
    await eventually(lambda: fake.open == 0 and fake.abandoned == 1, what="the connection is closed")


async def test_proxy_setting_is_used(fake: FakeDashScope) -> None:
    model = qwen(fake, base_url="http://dashscope.invalid/api/v1", proxy=f"http://127.0.0.1:{fake.port}")
    assert (await model.complete(ask("走代理"))).message.content == "收到：走代理"
    assert fake.seen[0].headers["Host"] == "dashscope.invalid"


async def test_forbidden_address_is_refused_before_anything_is_sent(fake: FakeDashScope) -> None:
    with pytest.raises(ConfigError, match="禁止访问"):
        await qwen(fake, base_url="http://169.254.169.254/api/v1").complete(ask())


async def test_redirect_is_refused(fake: FakeDashScope) -> None:
    fake.script(Page(302, "", headers={"Location": f"{fake.base_url}/elsewhere"}))
    with pytest.raises(RemoteError, match="重定向") as caught:
        await qwen(fake).complete(ask())
    assert caught.value.code == "network"


@pytest.mark.parametrize(
    ("key", "said"), [("", "没有填写"), ("sk-有中文", "非英文"), ("sk-a\nb", "换行"), ("sk-wrong", "不接受")]
)
async def test_bad_key_is_told_as_credentials(
    fake: FakeDashScope, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)  # the key of somebody else must not be used instead
    with pytest.raises(BadCredentials, match="凭证错误") as caught:
        await qwen(fake, api_key=key).complete(ask())
    assert said in caught.value.message
    assert "sk-" not in caught.value.message


def test_settings_do_not_show_the_key() -> None:
    assert KEY not in repr(QwenSettings("通义千问", "qwen-plus", KEY))


def test_empty_base_url_means_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = QwenSettings("通义千问", "qwen-plus", KEY)
    monkeypatch.delenv("DASHSCOPE_HTTP_BASE_URL", raising=False)
    assert settings.address == "https://dashscope.aliyuncs.com/api/v1"
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:9100/api/v1")
    assert settings.address == "http://127.0.0.1:9100/api/v1"
