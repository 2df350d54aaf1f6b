"""Every way DashScope can fail, over real HTTP: what people are told, and what they are not."""

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError
from secops_agent.llm import qwen_session
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.types import Message, Request
from tests.fake_dashscope import Broken, Fail, FakeDashScope, Page, Raw, Reply, Say

KEY = "sk-test-0123456789abcdef"
BASE = QwenSettings("通义千问", "qwen-plus", KEY, endpoint="text", stall_timeout=2, first_timeout=60)


@pytest.fixture
async def fake() -> AsyncIterator[FakeDashScope]:
    async with FakeDashScope() as server:
        yield server
        await qwen_session.close_sessions()


async def failure(base_url: str, timeout: float = 10, **changes: object) -> BifangError:  # noqa: ASYNC109
    model = Qwen(replace(BASE, base_url=base_url, **changes))  # type: ignore[arg-type]
    with pytest.raises(BifangError) as caught:
        await model.complete(Request((Message("user", "你好"),), timeout=timeout))
    return caught.value


# reply, kind of error, its code, permanent, a word that must be said
TABLE: list[tuple[Reply, type[BifangError], str, bool, str]] = [
    (Fail(400, "InvalidParameter", "url error, please check url！"), RemoteError, "endpoint", True, "接口类型"),
    (Fail(400, "InvalidParameter", "Range of input length should be [1, 129024]"), RemoteError,
     "context_overflow", True, "上下文过长"),
    (Fail(400, "InvalidParameter", "The value of the enable_thinking parameter is restricted to True."),
     RemoteError, "InvalidParameter", True, "思考"),
    (Fail(400, "InvalidParameter", "temperature must be < 2"), RemoteError, "InvalidParameter", True,
     "temperature must be < 2"),
    (Fail(400, "DataInspectionFailed", "Input data may contain inappropriate content."), RemoteError,
     "content_filter", True, "内容安全拦截"),
    (Fail(400, "data_inspection_failed", "x"), RemoteError, "content_filter", True, "内容安全拦截"),
    (Fail(400, "Arrearage", "Access denied, please make sure your account is in good standing."), RemoteError,
     "arrears", True, "欠费"),
    (Fail(401, "InvalidApiKey", f"Invalid API-key provided: {KEY}"), BadCredentials, "InvalidApiKey", True,
     "凭证错误"),
    (Fail(403, "AccessDenied.Unpurchased", "x"), RemoteError, "AccessDenied.Unpurchased", True, "没有权限"),
    (Fail(403, "Model.AccessDenied", "x"), RemoteError, "Model.AccessDenied", True, "没有权限"),
    (Fail(403, "AllocationQuota.FreeTierOnly", "x"), RemoteError, "AllocationQuota.FreeTierOnly", True, "额度"),
    (Fail(404, "ModelNotFound", "x"), RemoteError, "ModelNotFound", True, "模型不存在"),
    (Fail(400, "Model.NotExist", "x"), RemoteError, "Model.NotExist", True, "模型不存在"),
    (Fail(429, "Throttling.RateQuota", "Requests rate limit exceeded"), RateLimited, "Throttling.RateQuota",
     False, "限流"),
    (Fail(429, "Throttling.AllocationQuota", "x"), RateLimited, "Throttling.AllocationQuota", False, "限流"),
    (Fail(429, "Throttling.BurstRate", "x"), RateLimited, "Throttling.BurstRate", False, "限流"),
    (Fail(429, "", "x"), RateLimited, "", False, "限流"),
    (Fail(500, "InternalError.Algo", "x"), RemoteError, "InternalError.Algo", False, "暂时出错"),
    (Fail(503, "ModelServingError", "x"), RemoteError, "ModelServingError", False, "暂时出错"),
    (Page(502, "<html>Bad Gateway</html>"), RemoteError, "Unknown", False, "HTTP 502"),
    (Page(403, "<html>blocked by policy</html>"), RemoteError, "network", False, "代理"),
    (Page(200, "<html>请先登录上网</html>"), RemoteError, "network", False, "上网认证"),
    (Page(500, '{"code": "Int', "application/json"), RemoteError, "bad_response", False, "无法识别"),
    (Page(400, "{}", "application/json"), RemoteError, "", False, ""),
    (Broken("cut"), RemoteError, "network", False, "中途断开"),
    (Broken("end"), RemoteError, "network", False, "中途断开"),
    (Broken("stall"), RemoteError, "timeout", False, "没有及时回应"),
    (Broken("error"), RemoteError, "InternalError", False, "暂时出错"),
    (Broken("error", code="DataInspectionFailed"), RemoteError, "content_filter", True, "内容安全拦截"),
    (Broken("error", code="Throttling.RateQuota"), RateLimited, "Throttling.RateQuota", False, "限流"),
    (Broken("garbage"), RemoteError, "Unknown", False, "暂时出错"),
    (Raw(({"output": None},)), RemoteError, "bad_response", False, "无法识别"),
    (Raw(("nonsense",)), RemoteError, "bad_response", False, "无法识别"),
    (Say("不能说", finish="content_filter"), RemoteError, "content_filter", True, "内容安全拦截"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "kind", "code", "permanent", "said"), TABLE)
async def test_failure_is_told_in_chinese_without_secrets(
    fake: FakeDashScope,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    kind: type[BifangError],
    code: str,
    permanent: bool,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.script(reply)
    error = await failure(fake.base_url)
    assert type(error) is kind
    assert isinstance(error, RemoteError)
    assert said in error.message
    if said:
        assert (error.code, error.permanent) == (code, permanent)
    shown = "".join(traceback.format_exception(error)) + caplog.text + repr(error) + error.code
    assert KEY not in shown
    assert error.__context__ is None
    assert not [record for record in caplog.records if record.name == "dashscope"]


async def test_throttling_says_how_long_to_wait(fake: FakeDashScope) -> None:
    codes = ("Throttling.RateQuota", "Throttling.BurstRate", "Throttling.AllocationQuota")
    fake.script(*(Fail(429, code) for code in codes), Fail(429, codes[0], headers={"Retry-After": "7"}))
    waits = []
    for _ in range(4):
        error = await failure(fake.base_url)
        assert isinstance(error, RateLimited)
        waits.append(error.retry_after)
    assert waits == [2.0, 3.0, 10.0, 7.0]


async def test_deadline_ends_a_stream_that_never_stops(fake: FakeDashScope) -> None:
    fake.delay = 30
    error = await failure(fake.base_url, timeout=0.3)
    assert isinstance(error, RemoteError)
    assert (error.code, error.permanent) == ("timeout", False)
    assert "0.3 秒" in error.message
    assert error.__context__ is None


async def test_silent_server_is_given_up_before_the_deadline(fake: FakeDashScope) -> None:
    fake.delay = 30
    error = await failure(fake.base_url, timeout=60, first_timeout=0.3)
    assert isinstance(error, RemoteError)
    assert error.code == "timeout"


async def test_refused_connection_names_the_network() -> None:
    with (
        socket.socket() as held
    ):  # bound, not listening: connections are refused, and nobody else gets the port
        held.bind(("127.0.0.1", 0))
        error = await failure(f"http://127.0.0.1:{held.getsockname()[1]}/api/v1")
    await qwen_session.close_sessions()
    assert isinstance(error, RemoteError)
    assert (error.code, error.permanent) == ("network", False)
    assert "连不上通义千问" in error.message


@pytest.mark.slow
async def test_model_works_again_after_every_failure(fake: FakeDashScope) -> None:
    fake.script(Broken("cut"), Fail(500, "InternalError"), Broken("stall"))
    for _ in range(3):
        await failure(fake.base_url)
    got = await Qwen(replace(BASE, base_url=fake.base_url)).complete(Request((Message("user", "好了吗"),)))
    assert got.message.content == "收到：好了吗"
    assert len(asyncio.all_tasks()) < 20
