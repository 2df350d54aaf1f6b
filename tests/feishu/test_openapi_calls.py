"""Calls of Feishu's OpenAPI when it refuses, forgets, or does not answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.http import HttpClient, Response
from feishu_integration.openapi.api import FeishuApi, FeishuApplication
from feishu_integration.openapi.errors import StaleTenantToken, check_answer
from feishu_integration.openapi.media import FeishuMedia
from feishu_integration.openapi.messages import FeishuMessages, MessageAddress, post
from tests.feishu_simulator import FeishuHandle, running_feishu


@pytest.fixture
def sim() -> Iterator[FeishuHandle]:
    with running_feishu() as handle:
        handle.message("你好", chat_id="oc_1", group=True)
        yield handle


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
def api(sim: FeishuHandle, http: HttpClient) -> FeishuApi:
    return FeishuApi(http, FeishuApplication("cli_demo", "demo-secret", sim.base_url))


def tokens(sim: FeishuHandle) -> int:
    return int(sim.state()["calls"].get("tenant_access_token", 0))


async def send(api: FeishuApi, key: str = "k") -> str:
    return await FeishuMessages(api).send(MessageAddress("chat_id", "oc_1"), post("通知", "内容"), key)


@pytest.mark.parametrize(("told", "waits"), [(7, 7.0), (86_400, 60.0)])
async def test_over_the_limit_waits_as_long_as_the_header_says(
    sim: FeishuHandle, api: FeishuApi, told: int, waits: float
) -> None:
    sim.faults(openapi_limit={"value": told, "times": 1})
    with pytest.raises(RateLimited) as refused:
        await send(api)
    assert (refused.value.retry_after, refused.value.code, refused.value.permanent) == (
        waits,
        "99991400",
        False,
    )
    assert await send(api)


@pytest.mark.parametrize("reset", ["", "soon", "nan", "inf", "-5"])
@pytest.mark.parametrize("status", [429, 400])
def test_a_limit_without_a_sensible_header_waits_a_second(status: int, reset: str) -> None:
    with pytest.raises(RateLimited) as refused:
        check_answer(Response(status, {"x-ogw-ratelimit-reset": reset}, b'{"code": 99991400, "msg": "x"}'))
    assert refused.value.retry_after == 1.0


def test_429_of_a_gateway_is_a_limit_too() -> None:
    with pytest.raises(RateLimited):
        check_answer(Response(429, {}, b"<html>slow down</html>"))


async def test_a_stale_token_is_renewed_once_for_all_who_had_it(sim: FeishuHandle, api: FeishuApi) -> None:
    await send(api)
    sim.faults(token_invalid={"value": True, "times": 1})
    assert len(set(await asyncio.gather(*(send(api, f"k{n}") for n in range(4))))) == 4
    assert tokens(sim) == 2


async def test_a_token_that_is_refused_again_is_no_endless_loop(sim: FeishuHandle, api: FeishuApi) -> None:
    sim.faults(token_invalid=True)
    with pytest.raises(StaleTenantToken) as refused:
        await send(api)
    assert refused.value.permanent is False
    assert tokens(sim) == 2
    sim.faults(clear=True)
    assert await send(api)


async def test_a_lost_answer_is_asked_for_again_and_said_once(sim: FeishuHandle, api: FeishuApi) -> None:
    await send(api, "before")
    sim.faults(openapi_lost={"value": True, "times": 1})
    with pytest.raises(RemoteError) as lost:
        await send(api, "k")
    assert lost.value.permanent is False
    assert await send(api, "k") == sim.replies(chat_id="oc_1")[-1]["message_id"]
    assert len(sim.replies(chat_id="oc_1")) == 2
    assert sim.state()["calls"]["uuid_repeated"] == 1


async def test_wrong_credentials_are_said_without_the_secret(sim: FeishuHandle, http: HttpClient) -> None:
    api = FeishuApi(http, FeishuApplication("cli_demo", "wrong-secret", sim.base_url))
    with pytest.raises(BadCredentials) as refused:
        await send(api)
    assert "App Secret" in refused.value.message
    assert "wrong-secret" not in refused.value.message


# Files


def sent(sim: FeishuHandle, text: str = "a,b\n1,2\n") -> tuple[str, str]:
    """A file in a chat: its message and its key."""
    message_id = sim.message("", file={"name": "a.csv", "text": text})["message_id"]
    return message_id, sim.state()["resources"][-1]


async def fetch(api: FeishuApi, message_id: str, key: str, most: int = 1000) -> bytes:
    pieces: list[bytes] = []
    await FeishuMedia(api).download(message_id, key, pieces.append, most)
    return b"".join(pieces)


async def test_a_file_is_fetched_with_a_renewed_token(sim: FeishuHandle, api: FeishuApi) -> None:
    message_id, key = sent(sim)
    sim.faults(token_invalid={"value": True, "times": 1})
    assert await fetch(api, message_id, key) == b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"file_endless": True}, "too_large"),
        ({"openapi_code": 234037}, "234037"),
        ({"openapi_status": 502}, "http_502"),
    ],
)
async def test_a_file_that_does_not_come(
    sim: FeishuHandle, api: FeishuApi, fault: dict[str, Any], code: str
) -> None:
    message_id, key = sent(sim)
    sim.faults(**{name: {"value": value, "path": "/open-apis/im"} for name, value in fault.items()})
    with pytest.raises(RemoteError) as refused:
        await fetch(api, message_id, key)
    assert refused.value.code == code


async def test_a_file_of_another_message_or_another_host_is_not_fetched(
    sim: FeishuHandle, api: FeishuApi
) -> None:
    message_id, key = sent(sim)
    other, _ = sent(sim)
    with pytest.raises(RemoteError) as refused:
        await fetch(api, other, key)
    assert refused.value.code == "234003"
    with running_feishu() as elsewhere:
        sim.faults(file_redirect=f"{elsewhere.base_url}/open-apis/bot/v3/info")
        with pytest.raises(RemoteError) as refused:
            await fetch(api, message_id, key)
        assert refused.value.code == "redirect"
        assert elsewhere.state()["calls"] == {}


async def test_a_key_stays_within_its_place_in_the_address(sim: FeishuHandle, api: FeishuApi) -> None:
    message_id, _ = sent(sim)
    with pytest.raises(RemoteError) as refused:
        await fetch(api, message_id, "../../../bot/v3/info?x=")
    assert refused.value.code == "234003"
