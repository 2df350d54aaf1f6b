"""A model that does not answer is left alone for a while, and everybody can see why."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import RemoteError
from bifang.core.models import SystemConfig
from bifang.core.outbound.backoff import Backoff
from secops_agent.agent.llms import models
from secops_agent.agent.service import Agent
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.llm.types import Message, Request
from secops_agent.models import Role
from secops_agent.services.people.staff import Person
from secops_agent.tools.base import NoArguments
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations.status import service_status
from tests.admin_pages import serve_plain_static, tried
from tests.fake_dashscope import Fail, Say
from tests.fake_openai import FakeOpenAI
from tests.model_server import in_a_thread
from tests.secops.decisions_aid import company, new_agent, say

pytestmark = pytest.mark.django_db
NAME = "内网千问"
DOWN = Fail(503, "Internal", "overloaded")
Act = Callable[["Estate"], Awaitable[None]]


class Estate:
    """A robot with a model of its own, and an agent that asks it."""

    def __init__(self, fake: FakeOpenAI, agent: Agent, robot: SystemConfig, model: SystemConfig) -> None:
        self.fake, self.agent, self.robot, self.model = fake, agent, robot, model

    async def ask(self) -> str:
        return (await say(self.agent, self.robot, "li", "什么是勒索软件")).replies[0].text

    async def fail(self, times: int = models.FAILURES) -> None:
        self.fake.script(*[DOWN] * times)
        for _ in range(times):
            assert "没有作答" in await self.ask()

    async def error(self) -> str:
        found: SystemConfig = await db.call(SystemConfig.objects.get, pk=self.model.pk)
        return found.last_error


def model_of(fake: FakeOpenAI, **more: Any) -> SystemConfig:
    given = {"base_url": fake.base_url, "model": "qwen3-32b", "api_key": fake.api_key, **more}
    return configs.save("openai", NAME, True, given)[0]


def using(robot: SystemConfig, model: SystemConfig) -> SystemConfig:
    return configs.save(robot.kind, robot.name, True, {"ai_config": model}, config=robot)[0]


def with_model(act: Act, **server: Any) -> None:
    asyncio.run(model_beside(act, **server))


async def model_beside(act: Act, **server: Any) -> None:
    async with FakeOpenAI(answer=lambda _: Say("一种恶意软件。"), **server) as fake:
        model = await db.call(model_of, fake)
        robot = await db.call(using, await db.call(company), model)
        agent = new_agent(limits=TurnLimits(retries=0))
        try:
            await act(Estate(fake, agent, robot, model))
        finally:
            await agent.close()


def test_after_three_failures_it_is_not_asked_and_the_answer_says_why() -> None:
    async def act(estate: Estate) -> None:
        await estate.fail()
        assert len(estate.fake.seen) == 3
        told = await estate.ask()
        assert len(estate.fake.seen) == 3
        assert "内网千问连续 3 次请求没有作答（重试也算）" in told
        assert "以前不再问它" in told
        assert "连续 3 次" in await estate.error()

    with_model(act)


def test_an_answer_in_between_begins_the_count_anew_and_clears_the_error() -> None:
    async def act(estate: Estate) -> None:
        await estate.fail(2)
        assert "没有作答" in await estate.error()
        assert "恶意软件" in await estate.ask()
        assert await estate.error() == ""
        await estate.fail(2)
        assert "恶意软件" in await estate.ask()

    with_model(act)


def test_a_rest_that_is_over_is_tried_by_one_question_and_lengthened_by_its_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(models, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Backoff, "next", lambda self: 30.0)

    async def act(estate: Estate) -> None:
        await estate.fail()
        clock[0] += 31
        estate.fake.script(DOWN)
        watched = await estate.agent._models.get(estate.model.pk)
        (model,), _ = await estate.agent._models.chain([estate.model.pk], admitted)
        assert model is watched
        trying = asyncio.ensure_future(model.complete(Request((Message("user", "x"),), timeout=30)))
        await asyncio.sleep(0)
        others, (why,) = await estate.agent._models.chain([estate.model.pk], admitted)
        assert (others, "不再问它" in why) == ([], True)
        with pytest.raises(RemoteError):
            await trying
        assert "连续 4 次" in await estate.error()
        clock[0] += 31
        assert "恶意软件" in await estate.ask()
        assert await estate.error() == ""

    async def admitted(config_id: int) -> None:
        pass

    with_model(act)


def test_a_successful_test_or_a_changed_configuration_ends_the_rest() -> None:
    async def act(estate: Estate) -> None:
        await estate.fail()
        assert "不再问它" in await estate.ask()
        await db.call(configs.report_error, estate.model.pk, "")  # as the test on the page does
        assert "恶意软件" in await estate.ask()
        await estate.fail()
        await db.call(configs.save, "openai", NAME, True, {"max_tokens": 500}, config=estate.model)
        estate.agent._models._configs._entries.clear()  # seen within two seconds otherwise
        assert "恶意软件" in await estate.ask()

    with_model(act)


def test_a_wrong_key_counts_and_is_not_told() -> None:
    async def act(estate: Estate) -> None:
        estate.fake.api_key = "another-key"
        for _ in range(3):
            assert "凭证" in await estate.ask()
        await estate.ask()
        assert len(estate.fake.seen) == 3
        assert "k-12345678" not in await estate.error()

    with_model(act, api_key="k-12345678")


def test_limits_and_refused_questions_are_no_failures() -> None:
    async def act(estate: Estate) -> None:
        limit, filtered = Fail(429, "rate_limit", "slow down"), Fail(400, "content_filter", "no")
        estate.fake.script(*[limit] * 4, *[filtered] * 4)
        for _ in range(8):
            await estate.ask()
        assert len(estate.fake.seen) == 8
        assert await estate.error() == ""

    with_model(act)


def status(role: Role, *, is_group: bool = False) -> str:
    asker = Asker(Person("corp", "x", "某人", role), is_group, timezone.localtime(), REFUSING)
    return service_status(asker, NoArguments()).text


def test_the_status_names_each_model_its_destination_and_its_last_error_by_role() -> None:
    async def act(estate: Estate) -> None:
        await estate.fail(1)
        await db.call(configs.report_error, estate.model.pk, f"连不上 {estate.fake.base_url}")
        for text in (await db.call(status, Role.VIEWER), await db.call(status, Role.ADMIN, is_group=True)):
            assert "模型「内网千问」：qwen3-32b，数据留在公司；最近错误" in text
            assert "127.0.0.1" not in text
        whole = await db.call(status, Role.ADMIN)
        assert "数据留在公司（127.0.0.1）" in whole
        assert "连不上" in whole

    with_model(act)


def test_a_model_outside_is_said_to_be_outside() -> None:
    configs.save("qwen", "通义千问", True, {"api_key": "sk-" + "x" * 20, "model": "qwen-plus"})
    assert "模型「通义千问」：qwen-plus，数据离开公司" in status(Role.VIEWER)
    assert "aliyuncs" not in status(Role.VIEWER)


def test_the_test_on_the_page_keeps_what_failed_and_clears_it(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    client.force_login(User.objects.create_superuser("root"))
    with in_a_thread(FakeOpenAI()) as fake:
        model = model_of(fake)
        configs.report_error(model.pk, "连不上")
        fake.script(DOWN)
        tried(client, model)
        assert "测试没有通过：「模型与工具调用」" in SystemConfig.objects.get(pk=model.pk).last_error
        tried(client, model)
        assert SystemConfig.objects.get(pk=model.pk).last_error == ""
