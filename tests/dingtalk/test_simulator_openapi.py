"""Tokens, robot messages, files, cards and clicks, as DingTalk answers them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.dingtalk.test_simulator_gateway import Client, read_frame, send_ack, simulated

CARD_TOPICS = [{"type": "CALLBACK", "topic": "/v1.0/card/instances/callback"}]
GROUP = "cidDemoGroup=="
MARKDOWN = {"msgKey": "sampleMarkdown", "msgParam": json.dumps({"title": "标题", "text": "**正文**"})}
QPS = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"


async def call(
    client: Client, path: str, body: Any, token: str | None = None, method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """One OpenAPI call with a fresh token unless one is given: (status, answer)."""
    token = await fetch_token(client) if token is None else token
    headers = {"x-acs-dingtalk-access-token": token}
    async with client.http.request(
        method, f"{client.sim.base_url}{path}", json=body, headers=headers
    ) as response:
        return response.status, await response.json()


async def fetch_token(client: Client) -> str:
    """A token from the endpoint that the Python SDK uses."""
    answer = await client.post("/v1.0/oauth2/accessToken", {"appKey": "dingdemo", "appSecret": "demo-secret"})
    assert answer["expireIn"] == 7200
    token: str = answer["accessToken"]
    return token


def card_body(**changed: Any) -> dict[str, Any]:
    """A card to the demo group."""
    buttons = json.dumps([{"id": "approve", "text": "同意", "params": {"rid": "42"}}])
    return {
        "cardTemplateId": "any.schema",
        "outTrackId": "card-1",
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"content": "", "flowStatus": "1", "buttons": buttons}},
        "openSpaceId": f"dtv1.card//IM_GROUP.{GROUP}",
        "imGroupOpenDeliverModel": {"robotCode": "dingdemo"},
        **changed,
    }


async def test_each_form_of_token_works() -> None:
    async with simulated() as client:
        corp = await client.post(
            "/v1.0/oauth2/dingdemocorp/token",
            {"client_id": "dingdemo", "client_secret": "demo-secret", "grant_type": "client_credentials"},
        )
        legacy = await client.get("/gettoken?appkey=dingdemo&appsecret=demo-secret")
        message = {"robotCode": "dingdemo", "openConversationId": GROUP, **MARKDOWN}
        for token in (await fetch_token(client), corp["access_token"], legacy["access_token"]):
            assert (await call(client, "/v1.0/robot/groupMessages/send", message, token))[0] == 200


async def test_wrong_secret_and_unknown_token_are_refused() -> None:
    async with simulated() as client:
        wrong = {"appKey": "dingdemo", "appSecret": "no"}
        assert (await client.post("/v1.0/oauth2/accessToken", wrong))["code"] == "authFailed"
        assert (await client.get("/gettoken?appkey=dingdemo&appsecret=no"))["errcode"] == 40089
        status, answer = await call(client, "/v1.0/robot/groupMessages/send", {}, "nonsense")
        assert (status, answer["code"]) == (401, "InvalidAuthentication")


async def test_group_message_is_listed() -> None:
    async with simulated() as client:
        message = {"robotCode": "dingdemo", "openConversationId": GROUP, **MARKDOWN}
        await call(client, "/v1.0/robot/groupMessages/send", message)
        (row,) = await client.get("/sim/replies")
        assert (row["route"], row["text"], row["conversation_id"]) == ("group", "**正文**", GROUP)


async def test_private_message_reaches_known_staff_and_names_the_others() -> None:
    async with simulated() as client:
        body = {"robotCode": "dingdemo", "userIds": ["wangwu", "nobody", "outsider"], **MARKDOWN}
        status, answer = await call(client, "/v1.0/robot/oToMessages/batchSend", body)
        assert status == 200
        assert answer["invalidStaffIdList"] == ["nobody", "outsider"]
        (row,) = await client.get("/sim/replies")
        assert (row["route"], row["conversation_id"]) == ("private", "cidSingle-wangwu==")


async def test_private_message_to_more_than_twenty_is_refused() -> None:
    async with simulated() as client:
        body = {"robotCode": "dingdemo", "userIds": [f"u{i}" for i in range(21)], **MARKDOWN}
        status, answer = await call(client, "/v1.0/robot/oToMessages/batchSend", body)
        assert (status, answer["code"]) == (400, "invalidParameter.userIds.invalid")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"robotCode": ""}, "invalidParameter.robotCode.empty"),
        ({"robotCode": "other"}, "invalidParameter.robotCode.invalid"),
        ({"openConversationId": "cidNowhere"}, "invalidParameter.openConversationId.invalid"),
        ({"msgParam": {"text": "an object"}}, "invalidParameter.msgParam.invalid"),
        ({"msgKey": "sampleNothing"}, "invalidParameter.msgKey.invalid"),
    ],
)
async def test_wrong_group_message_is_refused_by_name(changed: dict[str, Any], code: str) -> None:
    async with simulated() as client:
        body = {"robotCode": "dingdemo", "openConversationId": GROUP, **MARKDOWN, **changed}
        status, answer = await call(client, "/v1.0/robot/groupMessages/send", body)
        assert (status, answer["code"]) == (400, code)


async def test_twenty_calls_a_second_and_api_then_403() -> None:
    async with simulated(limits=True) as client:
        token = await fetch_token(client)
        body = {"robotCode": "dingdemo", "openConversationId": GROUP, **MARKDOWN}
        path = "/v1.0/robot/groupMessages/send"
        answers = [await call(client, path, body, token) for _ in range(21)]
        assert [status for status, _ in answers] == [200] * 20 + [403]
        assert answers[-1][1]["code"] == QPS
        assert (await client.get("/sim/state"))["limits"]["openapi"]["refused"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"openapi_qps": True}, 403, QPS),
        ({"openapi_status": 504}, 504, "system.err"),
        (
            {"openapi_scope": ["Card.Instance.Write"]},
            403,
            "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        ),
        ({"token_401": True}, 401, "InvalidAuthentication"),
    ],
)
async def test_openapi_fails_as_told(fault: dict[str, Any], status: int, code: str) -> None:
    async with simulated() as client:
        token = await fetch_token(client)
        (name,) = fault
        await client.post("/sim/faults", {name: {"value": fault[name], "times": 1, "path": "/v1.0/card"}})
        group = {"robotCode": "dingdemo", "openConversationId": GROUP, **MARKDOWN}
        assert (await call(client, "/v1.0/robot/groupMessages/send", group, token))[0] == 200
        failed, answer = await call(client, "/v1.0/card/instances/createAndDeliver", card_body(), token)
        assert (failed, answer["code"]) == (status, code)
        if "openapi_scope" in fault:
            assert answer["accessdenieddetail"] == {"requiredScopes": ["Card.Instance.Write"]}
        assert (await call(client, "/v1.0/card/instances/createAndDeliver", card_body()))[0] == 200


async def test_card_is_delivered_streamed_and_finished() -> None:
    async with simulated(limits=False) as client:
        token = await fetch_token(client)
        _, made = await call(client, "/v1.0/card/instances/createAndDeliver", card_body(), token)
        assert made["result"]["deliverResults"][0]["success"] is True
        stream = {"outTrackId": "card-1", "key": "content", "isFull": True, "isError": False}
        for number, text in enumerate(["正在", "正在查询", "查到 **3** 条"]):
            body = {**stream, "guid": str(number), "content": text, "isFinalize": number == 2}
            assert (await call(client, "/v1.0/card/streaming", body, token, "PUT"))[0] == 200
        done = {"cardParamMap": {"flowStatus": "3"}}
        update = {
            "outTrackId": "card-1",
            "cardData": done,
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
        await call(client, "/v1.0/card/instances", update, token, "PUT")
        (card,) = await client.get("/sim/cards?client_id=dingdemo")
        assert (card["params"]["content"], card["params"]["flowStatus"]) == ("查到 **3** 条", "3")
        assert (card["streams"], card["finalized"]) == (3, True)
        (row,) = await client.get("/sim/replies")
        assert (row["route"], row["out_track_id"], row["text"]) == ("card", "card-1", "查到 **3** 条")


async def test_update_without_by_key_replaces_all_variables() -> None:
    async with simulated() as client:
        token = await fetch_token(client)
        await call(client, "/v1.0/card/instances/createAndDeliver", card_body(), token)
        update = {"outTrackId": "card-1", "cardData": {"cardParamMap": {"content": "新"}}}
        await call(client, "/v1.0/card/instances", update, token, "PUT")
        assert (await client.get("/sim/cards"))[0]["params"] == {"content": "新"}


async def test_card_made_twice_is_shown_once() -> None:
    async with simulated() as client:
        for _ in range(2):
            assert (await call(client, "/v1.0/card/instances/createAndDeliver", card_body()))[0] == 200
        assert len(await client.get("/sim/replies")) == 1
        assert (await client.get("/sim/cards"))[0]["times_created"] == 2


async def test_card_to_a_person_and_with_create_and_deliver_apart() -> None:
    async with simulated() as client:
        space = {
            "openSpaceId": "dtv1.card//IM_ROBOT.wangwu",
            "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT"},
        }
        assert (await call(client, "/v1.0/card/instances", card_body(openSpaceId=None)))[1][
            "result"
        ] == "card-1"
        _, answer = await call(client, "/v1.0/card/instances/deliver", {"outTrackId": "card-1", **space})
        assert answer["result"][0]["success"] is True
        assert (await client.get("/sim/replies"))[0]["conversation_id"] == "cidSingle-wangwu=="


@pytest.mark.parametrize("space", ["IM_GROUP.cidNowhere", "IM_ROBOT.nobody", "IM_MOON.x"])
async def test_failed_delivery_is_inside_a_200(space: str) -> None:
    async with simulated() as client:
        body = card_body(openSpaceId=f"dtv1.card//{space}")
        status, answer = await call(client, "/v1.0/card/instances/createAndDeliver", body)
        (result,) = answer["result"]["deliverResults"]
        assert (status, answer["success"], result["success"]) == (200, True, False)
        assert result["errorMsg"]


async def test_fault_makes_a_delivery_false() -> None:
    async with simulated() as client:
        await client.post("/sim/faults", {"card_deliver_false": {"value": "群已解散", "times": 1}})
        _, answer = await call(client, "/v1.0/card/instances/createAndDeliver", card_body())
        assert answer["result"]["deliverResults"][0]["errorMsg"] == "群已解散"


async def test_card_values_must_be_strings_and_cards_must_exist() -> None:
    async with simulated() as client:
        body = card_body(cardData={"cardParamMap": {"flowStatus": 1}})
        assert (await call(client, "/v1.0/card/instances/createAndDeliver", body))[0] == 400
        stream = {"outTrackId": "none", "guid": "g", "key": "content", "content": "x"}
        assert (await call(client, "/v1.0/card/streaming", stream, method="PUT"))[0] == 400


async def test_parallel_updates_of_one_card_are_refused() -> None:
    async with simulated() as client:
        token = await fetch_token(client)
        await call(client, "/v1.0/card/instances/createAndDeliver", card_body(), token)
        await client.post("/sim/faults", {"openapi_delay_s": {"value": 0.2, "path": "/v1.0/card/streaming"}})
        stream = {"outTrackId": "card-1", "key": "content", "content": "x", "isFull": True}
        answers = await asyncio.gather(
            *(
                call(client, "/v1.0/card/streaming", {**stream, "guid": str(i)}, token, "PUT")
                for i in range(3)
            )
        )
        assert sorted(status for status, _ in answers) == [200, 403, 403]


async def test_click_calls_back_and_its_answer_updates_the_card() -> None:
    async with simulated() as client:
        grant = await (await client.open(subscriptions=CARD_TOPICS)).json()
        socket = await client.http.ws_connect(f"{grant['endpoint']}?ticket={grant['ticket']}")
        await call(client, "/v1.0/card/instances/createAndDeliver", card_body())
        click = {"out_track_id": "card-1", "staff_id": "wangwu", "action_id": "approve"}
        clicked = asyncio.create_task(client.post("/sim/cards/click", click))
        frame = await read_frame(socket)
        data = json.loads(frame["data"])
        assert (data["outTrackId"], data["userId"], data["spaceId"]) == ("card-1", "wangwu", GROUP)
        private = json.loads(data["content"])["cardPrivateData"]
        assert private == {"actionIds": ["approve"], "params": {"rid": "42"}}
        answer = {
            "cardUpdateOptions": {"updateCardDataByKey": True},
            "cardData": {"cardParamMap": {"state": "approved"}},
            "userPrivateData": {"cardParamMap": {"buttons": "[]"}},
        }
        await send_ack(socket, frame, {"response": answer})
        result = await clicked
        assert result["ack"] == {"code": 200, "data": answer}
        assert result["latency_ms"] > 0
        (card,) = await client.get("/sim/cards")
        assert card["params"]["state"] == "approved"
        assert card["params"]["flowStatus"] == "1"
        assert card["private"] == {"wangwu": {"buttons": "[]"}}


async def test_unanswered_click_times_out_and_without_a_robot_it_is_refused() -> None:
    async with simulated(card_ack_s=0.1) as client:
        await call(client, "/v1.0/card/instances/createAndDeliver", card_body())
        click = {"out_track_id": "card-1", "staff_id": "wangwu", "action_id": "approve"}
        assert "未连接" in (await client.post("/sim/cards/click", click))["error"]
        grant = await (await client.open(subscriptions=CARD_TOPICS)).json()
        socket = await client.http.ws_connect(f"{grant['endpoint']}?ticket={grant['ticket']}")
        assert (await client.post("/sim/cards/click", click))["timed_out"] is True
        assert (await read_frame(socket))["headers"]["topic"] == "/v1.0/card/instances/callback"


async def test_card_without_stream_callback_never_calls_back() -> None:
    async with simulated() as client:
        await call(client, "/v1.0/card/instances/createAndDeliver", card_body(callbackType=None))
        answer = await client.post("/sim/cards/click", {"out_track_id": "card-1", "action_id": "approve"})
        assert "callbackType" in answer["error"]


async def test_files_of_messages_can_be_fetched_and_media_uploaded() -> None:
    async with simulated() as client:
        base = client.sim.base_url
        async with client.http.put(f"{base}/sim/files/code-1", data=b'{"matches": []}'):
            pass
        body = {"downloadCode": "code-1", "robotCode": "dingdemo"}
        _, answer = await call(client, "/v1.0/robot/messageFiles/download", body)
        response = await client.http.get(answer["downloadUrl"])
        assert await response.read() == b'{"matches": []}'
        assert response.headers["Content-Disposition"].startswith("attachment")
        async with client.http.get(f"{base}/sim/files/anything") as picture:
            assert picture.content_type == "image/png"
        form = aiohttp.FormData({"type": "file"})
        form.add_field("media", b"report", filename="r.txt")
        upload = f"{base}/media/upload?access_token={await fetch_token(client)}"
        uploaded = await (await client.http.post(upload, data=form)).json()
        assert (uploaded["errcode"], uploaded["type"]) == (0, "file")
        refused = aiohttp.FormData({"type": "file"})
        answer = await (await client.http.post(f"{base}/media/upload?access_token=x", data=refused)).json()
        assert answer["errcode"] == 40014
