"""BIFANG_AIRGAPPED=1: every feature that goes out is run, and goes nowhere but where it may."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.streams.sockets import open_socket
from bifang.core.configuration import configs
from bifang.core.errors import BifangError, ConfigError
from bifang.core.outbound import airgap
from bifang.core.outbound.addresses import AddressRules, check_address
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.stream.settings import StreamSettings
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.session import McpSession
from secops_agent.connectors.webhook import Webhook, WebhookSettings
from secops_agent.llm import qwen_session
from secops_agent.llm.openai import OpenAI, OpenAISettings, close_clients
from secops_agent.llm.probe import probe_server
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.types import Message, Request
from secops_agent.services.decisions.actions import Order
from tests.admin_pages import serve_plain_static, superuser, tried
from tests.connections import noted_connections
from tests.fake_openai import FakeOpenAI

INSIDE, LEADS_OUT = "llm.corp.example", "leads-out.corp.example"
ASKED = Request((Message("user", "你好"),), timeout=120)


@pytest.fixture(autouse=True)
def airgapped(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    allowed = [INSIDE, LEADS_OUT, "8.8.8.8", "10.0.0.8"]
    monkeypatch.setenv("BIFANG_AIRGAPPED", "1")
    monkeypatch.setenv("BIFANG_ADDRESS_ALLOW_LIST", ",".join(allowed))
    settings.ADDRESS_ALLOW_LIST = allowed
    monkeypatch.setattr(airgap, "_known", {})


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The company's DNS, of which one name leads out."""
    real, known = socket.getaddrinfo, {INSIDE: "127.0.0.1", LEADS_OUT: "93.184.216.34"}

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return real(known.get(host, host), port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
async def noted() -> AsyncIterator[list[str]]:
    with noted_connections() as found:
        yield found
        await qwen_session.close_sessions()
        await close_clients()


async def refusal(thing: Any) -> str:
    with pytest.raises(BifangError) as caught:
        await thing
    return caught.value.message


async def test_models_outside_are_not_even_looked_up(noted: list[str], names: None) -> None:
    key = "sk-test-12345678"
    assert "气隙模式" in await refusal(Qwen(QwenSettings("千问", "qwen-plus", key)).complete(ASKED))
    for address in (
        "http://8.8.8.8/v1",
        "http://evil.example/v1",
        f"http://{LEADS_OUT}/v1",
        "http://[2606:4700::1]/v1",
    ):
        settings = OpenAISettings("内网", "m", base_url=address)
        assert "气隙模式" in await refusal(OpenAI(settings).complete(ASKED))
        assert (await probe_server(settings)).outcome == "refused"
    assert set(noted) <= {"93.184.216.34"}, "only the company's own name was looked up, and not gone to"


async def test_model_inside_answers(noted: list[str], names: None) -> None:
    async with FakeOpenAI(models=("m",)) as fake:
        settings = OpenAISettings("内网", "m", base_url=f"http://{INSIDE}:{fake.port}/v1")
        assert (await OpenAI(settings).complete(ASKED)).message.content
    assert set(noted) == {"127.0.0.1"}


async def test_connectors_webhooks_feeds_and_media_stay_inside(noted: list[str], names: None) -> None:
    order = Order(1, "t", "k", "block_ip", "封禁", {}, "封禁 1.2.3.4", "李四", "王五", timezone.now())
    async with HttpClient() as http:
        for url in ("https://hooks.example/x", "https://8.8.8.8/x", f"https://{LEADS_OUT}/x"):
            for method in ("GET", "POST"):
                assert "气隙模式" in await refusal(http.request(method, url))
            with pytest.raises(ConfigError, match="气隙模式"):
                async with http.stream(url, json={}):
                    pass
        for url in ("https://mcp.example/mcp", f"https://{LEADS_OUT}/mcp"):
            assert "气隙模式" in await refusal(McpSession(McpSettings(1, "防火墙", url), http).__aenter__())
        webhook = Webhook(WebhookSettings(1, "防火墙", "https://hooks.example/x", "s" * 16), http)
        done = await webhook.run(order)
    assert (done.result, "气隙模式" in done.text) == ("failed", True)
    assert set(noted) <= {"93.184.216.34"}


async def test_no_proxy_outside_is_used(
    noted: list[str], names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for proxy in ("http://proxy.example:3128", "http://8.8.8.8:3128", f"http://{LEADS_OUT}:3128"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with HttpClient() as http:
            assert "气隙模式" in await refusal(http.request("GET", "https://api.dingtalk.com/x"))
        stream = StreamSettings(
            name="钉钉", endpoint="https://api.dingtalk.com", client_id="id", client_secret="secret"
        )
        assert "气隙模式" in await refusal(
            open_socket("wss://wss-open-connection.dingtalk.com/connect", stream)
        )
    assert set(noted) <= {"93.184.216.34"}


async def test_stream_goes_to_dingtalk_only(noted: list[str], names: None) -> None:
    stream = StreamSettings(
        name="钉钉", endpoint="https://api.dingtalk.com", client_id="id", client_secret="secret"
    )
    for uri in ("wss://evil.example/connect", "wss://8.8.8.8/connect", f"wss://{LEADS_OUT}/connect"):
        assert "气隙模式" in await refusal(open_socket(uri, stream))
    assert set(noted) <= {"93.184.216.34"}


def test_dingtalk_and_what_the_operator_says_is_dingtalk_may_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host in ("api.dingtalk.com", "OAPI.dingtalk.com.", "127.0.0.1", "localhost", "10.0.0.8", INSIDE):
        airgap.refuse_name(host)
    for host in ("dingtalk.com", "x.api.dingtalk.com", "ding.corp.example", "10.0.0.9", "2130706433"):
        with pytest.raises(ConfigError):
            airgap.refuse_name(host)
    monkeypatch.setenv("DINGTALK_OPENAPI_ENDPOINT", "https://ding.corp.example")
    airgap.refuse_name("ding.corp.example")
    monkeypatch.setenv("BIFANG_AIRGAPPED", "0")
    airgap.refuse_name("evil.example")


def test_configuration_cannot_name_an_address_outside() -> None:
    rules = AddressRules(frozenset({"10.0.0.8", "8.8.8.8"}), airgapped=True)
    check_address("http://10.0.0.8/v1", rules)
    check_address("https://api.dingtalk.com", rules)
    for url in ("https://dashscope.aliyuncs.com/api/v1", "http://8.8.8.8/v1"):
        with pytest.raises(ConfigError, match="气隙模式"):
            check_address(url, rules)


@pytest.mark.parametrize(
    ("url", "leaves"),
    [
        ("https://dashscope.aliyuncs.com/api/v1", "yes"),
        ("http://10.0.0.8:8000/v1", "no"),
        ("http://8.8.8.8/v1", "yes"),
        ("http://[fd12::1]/v1", "no"),
        (f"https://{INSIDE}/v1", "no"),
        (f"https://{LEADS_OUT}/v1", "yes"),
    ],
)
def test_it_is_told_whether_data_leaves_the_company(names: None, url: str, leaves: str) -> None:
    assert airgap.whereabouts(url).leaves == leaves


@pytest.fixture
def watched() -> Iterator[list[str]]:
    with noted_connections() as found:
        yield found


@pytest.mark.django_db
def test_page_that_tries_a_model_says_so_and_goes_nowhere(
    watched: list[str], settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    config, _ = configs.save("qwen", "千问", True, {"api_key": "sk-test-12345678"})
    assert "气隙模式" in tried(superuser(), config)["whole"]
    assert watched == []
