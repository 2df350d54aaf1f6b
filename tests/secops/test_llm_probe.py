"""测试 of a model: a tool call there and back, and what is said when there is none."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.llm.openai import OpenAISettings
from secops_agent.llm.probe import probe_server, probe_tools
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.qwen_session import close_sessions
from tests.admin_pages import dingtalk, form_of, messages_of, serve_plain_static, superuser, text_of
from tests.admin_pages import tried as tried_on_the_page
from tests.certificates import self_signed
from tests.fake_dashscope import Calls, FakeDashScope, Page, Say
from tests.fake_dashscope import text_of as said
from tests.fake_openai import FakeOpenAI
from tests.model_server import in_a_thread

BASE = OpenAISettings("内网千问", "qwen3-32b")


async def tried(fake: FakeOpenAI, **changes: Any) -> Any:
    return await probe_server(replace(BASE, base_url=fake.base_url, **changes))


@pytest.mark.parametrize("flavour", ["vllm", "ollama"])
async def test_model_that_calls_tools_passes(flavour: Any) -> None:
    async with FakeOpenAI(flavour, models=("qwen3-32b", "qwen3-8b"), window=32768) as fake:
        found = await tried(fake)
    assert (found.outcome, found.models, found.window) == ("ok", ("qwen3-32b", "qwen3-8b"), 32768)
    assert "注意" not in found.text


async def test_missing_flag_and_model_without_tools_are_named() -> None:
    async with FakeOpenAI("vllm", tools=False) as fake:
        found = await tried(fake)
        assert found.outcome == "no_tools"
        assert "--enable-auto-tool-choice --tool-call-parser hermes" in found.text
        fake.answer = lambda body: Say(
            '{"tool": "read_code", "arguments": {}}' if len(body["messages"]) < 3 else "7391"
        )
        for mode in ("json", "native"):
            fake.tools = True
            assert (await tried(fake, tool_calls=mode)).outcome == "ok"
    async with FakeOpenAI("ollama", tools=False) as fake:
        assert "不支持工具调用" in (await tried(fake)).text
    async with FakeOpenAI(answer=lambda body: Say("校验码是 1234")) as fake:
        found = await tried(fake)
        assert (found.outcome, "4096" in found.text) == ("no_tools", True)
    async with FakeOpenAI(
        answer=lambda body: Say("好") if len(body["messages"]) > 2 else Calls(("read_code", {}))
    ) as fake:
        assert "没有用上工具的结果" in (await tried(fake)).text


async def test_small_model_that_goes_on_calling_while_it_sees_tools_is_told_to_answer() -> None:
    written = '```json\n{"name": "read_code", "arguments": {}}\n```'

    def small(body: dict[str, Any]) -> Say:
        *_, asked, _, last = [{}, {}, *body["messages"]]
        told = last["role"] == "user" and "没有工具" in last["content"] and not asked["content"]
        return Say("7391" if told else written)

    async with FakeOpenAI(answer=small) as fake:
        found = await tried(fake)
    assert found.outcome == "ok"
    assert "写成了文字" in found.text


async def test_small_context_is_noticed() -> None:
    async with FakeOpenAI("ollama", window=4096) as fake:
        found = await tried(fake)
    assert (found.outcome, found.window) == ("ok", 4096)
    assert "实际的上下文只有 4096" in found.text
    assert "OLLAMA_CONTEXT_LENGTH" in found.text
    async with FakeOpenAI("vllm", window=16384) as fake:
        assert "实际的上下文只有 16384" in (await tried(fake)).text


async def test_refused_and_unreachable_are_told_apart() -> None:
    async with FakeOpenAI(api_key="right") as fake:
        assert (await tried(fake, api_key="wrong")).outcome == "refused"
    async with FakeOpenAI(models=("other",)) as fake:
        found = await tried(fake)
        assert (found.outcome, found.models) == ("refused", ("other",))
        assert "还没有选择模型" in (await tried(fake, model="")).text
        fake.script(Page(502, "<html>Bad Gateway</html>"))
        assert (await tried(fake, model="other")).outcome == "unreachable"
    found = await probe_server(replace(BASE, base_url="http://127.0.0.1:9/v1"))
    assert found.outcome == "unreachable"


async def test_qwen_is_tried_as_well() -> None:
    def answer(body: dict[str, Any]) -> Any:
        found = [said(one["content"]) for one in body["input"]["messages"] if one["role"] == "tool"]
        return Say(found[0]) if found else Calls(("read_code", {}))

    async with FakeDashScope(answer=answer) as fake:
        found = await probe_tools(Qwen(QwenSettings("通义千问", "qwen-plus", "sk-test", fake.base_url)))
        await close_sessions()
    assert found.outcome == "ok"


async def test_authority_of_the_company_is_believed_and_no_other(tmp_path: Path) -> None:
    pem = self_signed(tmp_path / "company.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "company.pem")
    async with FakeOpenAI(tls=tls) as fake:
        assert (await tried(fake, ca=pem)).outcome == "ok"
        found = await tried(fake)
    assert (found.outcome, "CA 证书" in found.text) == ("unreachable", True)


@pytest.fixture
def page(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with in_a_thread(FakeOpenAI("vllm", models=("qwen3-32b", "qwen3-8b"), window=16384)) as fake:
        yield fake


@pytest.mark.slow
@pytest.mark.django_db
def test_page_mends_the_address_tries_and_lets_choose(page: None, server: FakeOpenAI) -> None:
    client = superuser()
    given = {"name": "内网千问", "enabled": "on", "base_url": server.base_url.removesuffix("/v1")}
    added = client.post(
        "/admin/core/systemconfig/add/?kind=openai",
        {**given, "tool_calls": "native", "thinking": "auto"},
        follow=True,
    )
    config = SystemConfig.objects.get(kind="openai")
    assert f"接口地址已补全为 {server.base_url}。" in messages_of(added)
    assert f'data-try="{reverse("admin:core_systemconfig_try", args=[config.pk])}"' in added.text
    found = tried_on_the_page(client, config)
    assert "还没有选择模型" in found["model"]
    assert 'data-fill="model" data-value="qwen3-8b"' in found["whole"].replace("\\", "")
    found = tried_on_the_page(client, config, model="qwen3-8b")
    assert "可以使用" in found["model"]
    assert "全部通过" in found["end"]
    assert "还没有保存" in found["end"]
    assert 'data-fill="context_window" data-value="16384"' in found["whole"].replace("\\", "")
    config.refresh_from_db()
    assert config.params["model"] == ""
    assert config.params["context_window"] == 32768


@pytest.mark.slow
@pytest.mark.django_db
def test_model_page_says_what_comes_next_until_a_robot_uses_it(page: None, server: FakeOpenAI) -> None:
    client, given = superuser(), {"base_url": server.base_url, "model": ""}
    config, _ = configs.save("openai", "内网千问", True, given)
    address = reverse("admin:core_systemconfig_change", args=[config.pk])
    assert "接下来：选择模型" in text_of(client.get(address))
    config, _ = configs.save("openai", "内网千问", True, {"model": "qwen3-8b"}, config=config)
    assert "接下来：在聊天配置里选用它" in text_of(client.get(address))
    idle = dingtalk("还没有选用", ai_config=None)
    shown = client.get(address).content.decode()
    assert f'href="{reverse("admin:core_systemconfig_models")}"' in shown, "one click away"
    assert f"给「{idle}」选它" in shown
    assert shown.index('id="id_model"') < shown.index("collapse"), "the model's name is in sight"
    robot = dingtalk("机器人", ai_config=config)
    shown = text_of(client.get(address))
    assert "接下来" not in shown
    assert f"选用它的配置 ¦ {robot}" in shown


@pytest.mark.django_db
def test_what_was_saved_is_tried_and_what_fails_stands_in_the_list(page: None) -> None:
    client = superuser()
    with in_a_thread(FakeOpenAI("vllm", models=("qwen3-8b",), window=16384, api_key="right")) as server:
        given = {
            "name": "内网千问",
            "enabled": "on",
            "base_url": server.base_url,
            "model": "qwen3-8b",
            "api_key": "wrong",
        }
        rest = {"context_window": "16384", "tool_calls": "native", "thinking": "auto"}
        saved = client.post("/admin/core/systemconfig/add/?kind=openai", {**given, **rest})
        config = SystemConfig.objects.get(kind="openai")
        assert saved["Location"].endswith(f"/{config.pk}/change/"), "saved anyway, and tried"
        assert "data-try-now" in client.get(saved["Location"]).text
        for link in (saved["Location"], f"{saved['Location']}?try=1"):
            assert "data-try-now" not in client.get(link).text, "once, and by no link"
        found = tried_on_the_page(client, config)
        assert '"field": "api_key"' in found["whole"].replace("'", '"')
        assert "已经保存，没有通过测试" in found["end"]
        shown = text_of(client.get(saved["Location"]))
        assert "接下来：通过测试" in shown
        assert "也可以先选用它" in shown, "no dead end"
        listed = text_of(client.get("/admin/core/systemconfig/"))
        assert "最近一次出错" in listed
        assert "不接受这个 API Key" in listed
        offered = text_of(client.get("/admin/core/systemconfig/add/?kind=dingtalk"))
        assert "内网千问（最近一次出错：" in offered, "said where it is chosen"
        page_again = reverse("admin:core_systemconfig_change", args=[config.pk])
        unchanged = client.post(page_again, form_of(client.get(page_again)))
        assert unchanged["Location"] == page_again, "nothing was written, nothing is tried"
        form = form_of(client.get(page_again)) | {"api_key": "right"}
        assert client.post(page_again, form)["Location"] == page_again
        assert "data-try-now" in client.get(page_again).text
        assert "全部通过" in tried_on_the_page(client, config)["end"]
        assert "最近一次出错" not in text_of(client.get("/admin/core/systemconfig/"))
