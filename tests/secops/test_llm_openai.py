"""The adapter of self-hosted models over real HTTP: what goes out, what comes in, and what can go wrong."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bifang.core.errors import BadCredentials, BifangError, ConfigError, RateLimited, RemoteError
from secops_agent.llm.openai import OpenAI, OpenAISettings, close_clients
from secops_agent.llm.types import Completion, Delta, Message, Request, ToolCall, ToolSpec
from tests.fake_dashscope import Broken, Calls, Fail, Page, Raw, Reply, Say
from tests.fake_openai import FakeOpenAI

SPEC = ToolSpec("list_alerts", "查询告警", {"type": "object", "properties": {"limit": {"type": "integer"}}})
ASKED = Request((Message("system", "规则"), Message("user", "有哪些告警")), (SPEC,), timeout=120)
BASE = OpenAISettings("内网千问", "qwen3-32b", api_key="k-12345678", stall_timeout=60)
Flavours = pytest.mark.parametrize("flavour", ["vllm", "ollama"])


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    await close_clients()


async def ask(fake: FakeOpenAI, request: Request = ASKED, **changes: Any) -> tuple[Completion, str]:
    """The completion, and what was shown of it."""
    shown = list[Delta]()
    settings = replace(BASE, base_url=fake.base_url, **changes)
    done = await OpenAI(settings).complete(request, shown.append)
    return done, "".join(delta.content for delta in shown)


@Flavours
async def test_calls_come_together_whatever_the_pieces(flavour: Any) -> None:
    async with FakeOpenAI(flavour) as fake:
        fake.script(Calls(("list_alerts", {"limit": 5, "keyword": "高危"}), ("list_alerts", {"limit": 9})))
        done, _ = await ask(fake)
    calls = done.message.tool_calls
    assert [(one.name, one.arguments) for one in calls] == [
        ("list_alerts", '{"limit": 5, "keyword": "高危"}'), ("list_alerts", '{"limit": 9}'),
    ]  # fmt: skip
    assert len({one.id for one in calls}) == 2
    assert (done.finish_reason, done.usage.input_tokens, done.usage.output_tokens) == ("tool_calls", 212, 21)


@Flavours
async def test_thoughts_are_no_part_of_the_answer(flavour: Any) -> None:
    async with FakeOpenAI(flavour) as fake:
        fake.script(Say("两条告警。", reasoning="先看看"))
        done, shown = await ask(fake)
        assert (done.message.content, shown, done.model) == ("两条告警。", "两条告警。", "内网千问/qwen3-32b")
        for text in ("<think>先看看</think>\n\n两条告警。", "\n<think>\n</think>两条告警。"):
            fake.script(Say(text))
            done, shown = await ask(fake)
            assert (done.message.content, shown) == ("两条告警。", "两条告警。")
        fake.script(Say("先看看</think>\n\n两条告警。"))
        assert (await ask(fake))[0].message.content == "两条告警。"
        fake.script(Say("<t"))
        assert (await ask(fake))[0].message.content == "<t"


async def test_request_has_what_servers_want() -> None:
    call = ToolCall("call_1", "list_alerts", "not json")
    told = Message("tool", "两条告警", tool_call_id="call_1", name="list_alerts")
    request = replace(ASKED, messages=(*ASKED.messages, Message("assistant", "", (call,)), told))
    async with FakeOpenAI() as fake:
        fake.script(Say("好"), Say("好"), Say("好"))
        await ask(fake, request, max_tokens=700, thinking=False)
        await ask(fake, request, key_header="api-key", api_key="")
        await ask(fake, request, key_header="api-key")
        first, second, third = fake.seen
    assert first.headers["Authorization"] == "Bearer k-12345678"
    assert "Authorization" not in second.headers
    assert "api-key" not in second.headers
    assert third.headers["api-key"] == "k-12345678"
    assert "Authorization" not in third.headers
    body = first.body
    assert (body["stream"], body["max_tokens"], body["tool_choice"]) == (True, 700, "auto")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in second.body
    assert body["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert body["messages"][3] == {"role": "tool", "content": "两条告警", "tool_call_id": "call_1"}


async def test_json_mode_tells_tools_in_words_and_reads_the_call() -> None:
    async with FakeOpenAI(tools=False) as fake:
        fake.script(Say('```json\n{"tool": "list_alerts", "arguments": {"limit": 3}}\n```'))
        done, shown = await ask(fake, tool_calls="json")
        assert [(one.name, one.arguments) for one in done.message.tool_calls] == [
            ("list_alerts", '{"limit": 3}')
        ]
        assert (done.message.content, shown, done.finish_reason) == ("", "", "tool_calls")
        result = Message("tool", "两条告警", tool_call_id=done.message.tool_calls[0].id, name="list_alerts")
        fake.script(Say("有两条告警。"))
        done, shown = await ask(
            fake, replace(ASKED, messages=(*ASKED.messages, done.message, result)), tool_calls="json"
        )
        assert done.message.content == shown == "有两条告警。"
        sent = fake.seen[-1].body
    assert "tools" not in sent
    system, *rest = sent["messages"]
    assert system["content"].index("list_alerts：查询告警") < system["content"].index("规则")
    assert [one["role"] for one in rest] == ["user", "assistant", "user"]
    assert rest[1]["content"] == '{"tool": "list_alerts", "arguments": {"limit": 3}}'
    assert rest[2]["content"] == "工具 list_alerts 的结果：\n两条告警"


async def test_server_that_does_not_stream_is_understood() -> None:
    whole = (
        '{"id": "1", "choices": [{"message": {"role": "assistant", "content": "好"}, "finish_reason": "stop"}],'
        ' "usage": {"prompt_tokens": 3, "completion_tokens": 1}}'
    )
    async with FakeOpenAI() as fake:
        fake.script(Page(200, whole, "application/json"))
        done, _ = await ask(fake)
    assert (done.message.content, done.usage.input_tokens) == ("好", 3)


async def failure(fake: FakeOpenAI, **changes: Any) -> BifangError:
    with pytest.raises(BifangError) as caught:
        await ask(fake, **changes)
    assert "k-12345678" not in str(caught.value)
    return caught.value


# reply, kind of error, its code, permanent, a word that must be said
TABLE: list[tuple[Reply, type[BifangError], str, bool, str]] = [
    (Fail(429, "rate_limit_exceeded", "Requests limited", {"Retry-After": "7"}), RateLimited,
     "rate_limit_exceeded", False, "限流"),
    (Fail(503, "server_error", "Loading model"), RemoteError, "server_error", False, "正在加载"),
    (Fail(500, "InternalServerError", "k-12345678"), RemoteError, "InternalServerError", False, "暂时出错"),
    (Fail(400, "BadRequestError", "temperature must be < 2"), RemoteError, "BadRequestError", True, "temperature"),
    (Fail(400, "content_filter", "The response was filtered due to the prompt triggering Azure OpenAI's content "
          "management policy."), RemoteError, "content_filter", True, "内容安全拦截"),
    (Fail(400, "exceed_context_size_error", "request (5000 tokens) exceeds the available context size (4096 tokens), "
          "try increasing it"), RemoteError, "context_overflow", True, "上下文过长"),
    (Fail(400, "BadRequestError", "'max_tokens' or 'max_completion_tokens' is too large: 2000."), RemoteError,
     "context_overflow", True, "上下文过长"),
    (Fail(500, "server_error", "tools param requires --jinja flag"), RemoteError, "no_tools", True, "--jinja"),
    (Fail(404, "Not Found", "Not Found"), RemoteError, "Not Found", True, "接口地址不对"),
    (Fail(403, "forbidden", "no"), RemoteError, "forbidden", True, "没有权限"),
    (Page(502, "<html>Bad Gateway</html>"), RemoteError, "Unknown", False, "暂时出错"),
    (Page(200, "<html>请登录</html>"), RemoteError, "network", False, "拦截"),
    (Page(302, "", headers={"Location": "http://portal.example/login"}), RemoteError, "redirect", False, "跳转"),
    (Broken("error"), RemoteError, "InternalError", False, "暂时出错"),
    (Broken("garbage"), RemoteError, "bad_response", False, "无法识别"),
    (Broken("cut"), RemoteError, "network", False, ""),
    (Broken("end"), RemoteError, "network", False, ""),
    (Raw(({"choices": [{"delta": {"content": "a" * 500_000}}]},) * 5), RemoteError, "too_large", False, "没有尽头"),
    (Raw(({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "a" * 500_000}}]}}]},) * 5),
     RemoteError, "too_large", False, "没有尽头"),
    (Raw(({"choices": [], "x": "a" * 1_000_000},) * 40), RemoteError, "too_large", False, "没有尽头"),
    (Raw(({"object": "error", "message": "boom", "type": "InternalServerError", "code": 500},)), RemoteError,
     "InternalServerError", False, "暂时出错"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "kind", "code", "permanent", "word"), TABLE)
async def test_every_failure_says_what_to_do(
    reply: Reply, kind: type[BifangError], code: str, permanent: bool, word: str
) -> None:
    async with FakeOpenAI() as fake:
        if isinstance(reply, Broken) and reply.how == "end":
            reply = Raw(({"choices": [{"delta": {"content": "半"}}]},))
        fake.script(reply)
        error = await failure(fake)
    assert (type(error), getattr(error, "code", ""), error.permanent) == (kind, code, permanent)
    assert word in error.message
    if isinstance(error, RateLimited):
        assert error.retry_after == 7


async def test_server_says_which_flag_is_missing() -> None:
    async with FakeOpenAI("vllm", tools=False) as fake:
        error = await failure(fake)
    assert "--enable-auto-tool-choice --tool-call-parser hermes" in error.message
    async with FakeOpenAI("ollama", tools=False) as fake:
        error = await failure(fake)
    assert "不支持工具调用" in error.message
    assert "qwen3-32b" in error.message


async def test_wrong_key_wrong_model_and_too_long() -> None:
    async with FakeOpenAI("vllm", api_key="other") as fake:
        assert isinstance(await failure(fake), BadCredentials)
    async with FakeOpenAI("ollama") as fake:
        assert "没有名为「qwen9」的模型" in (await failure(fake, model="qwen9")).message
        with pytest.raises(ConfigError, match="测试"):
            await ask(fake, model="")
    async with FakeOpenAI("vllm", window=100) as fake:
        error = await failure(fake)
    assert getattr(error, "code", "") == "context_overflow"


@pytest.mark.slow
async def test_no_first_word_in_time_and_a_stall() -> None:
    async with FakeOpenAI(delay=60) as fake:
        error = await failure(fake, first_timeout=0.2)
        assert (getattr(error, "code", ""), "没有及时回应" in error.message) == ("timeout", True)
    async with FakeOpenAI() as fake:
        fake.script(Broken("stall"))
        assert getattr(await failure(fake, stall_timeout=0.3), "code", "") == "timeout"


@pytest.mark.slow
async def test_busy_server_is_waited_for_in_line_and_everybody_is_told() -> None:
    notices = list[str]()
    async with FakeOpenAI(delay=0.2) as fake:
        model = OpenAI(replace(BASE, base_url=fake.base_url, concurrency=1))

        async def one() -> str:
            done = await model.complete(
                replace(ASKED, tools=()), lambda delta: notices.append(delta.notice) if delta.notice else None
            )
            return done.message.content

        assert len(await asyncio.gather(*(one() for _ in range(3)))) == 3
        assert fake.peak == 1
        assert [text[-10:] for text in notices[:2]] == ["前面还有 1 个提问", "前面还有 2 个提问"]
        waiting = [asyncio.ensure_future(one()) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(RemoteError, match="排队已满"):
            await one()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await one()  # whoever left gave the place back


@pytest.mark.slow
async def test_nobody_waits_in_line_for_ever() -> None:
    async with FakeOpenAI(delay=60) as fake:
        model = OpenAI(replace(BASE, base_url=fake.base_url, concurrency=1, first_timeout=0.3))
        first = asyncio.ensure_future(model.complete(ASKED))
        await asyncio.sleep(0)
        with pytest.raises(RemoteError) as caught:
            await model.complete(ASKED)
        assert caught.value.code in ("queue", "timeout")
        await asyncio.gather(first, return_exceptions=True)
