"""Tokens, replies, cards and media against the simulator, and the errors of facts that it can be told to give."""

import asyncio
import json

import pytest
from aiohttp import web

from bifang.channels.cards.ports import CardPlace
from bifang.core.errors import (
    BadCredentials,
    InvalidInput,
    OutcomeUnknown,
    RateLimited,
    RemoteError,
    ReplyTargetExpired,
)
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.openapi import Application, Cards, Endpoints, Media, OpenApi, Replies
from dingtalk_integration.openapi.cards import CardCallback
from dingtalk_integration.openapi.errors import QuotaUsedUp
from dingtalk_integration.openapi.replies import markdown_message


class Dingtalk:
    """A scripted OpenAPI: `answers` maps a path to (status, body) or a list of them; `calls` records."""

    def __init__(self) -> None:
        self.answers = {}
        self.calls = []
        self.tokens = 0
        self.base = ""

    async def handle(self, request):
        if request.content_type.startswith("multipart/"):
            fields = (await request.post()).items()
            body = {name: value if isinstance(value, str) else value.file.read() for name, value in fields}
        else:
            text = await request.text()
            body = json.loads(text) if text else None
        self.calls.append((request.method, request.path, body, request))
        if request.path == "/v1.0/oauth2/accessToken" and request.path not in self.answers:
            self.tokens += 1
            return web.json_response({"accessToken": f"token-{self.tokens}", "expireIn": 7200})
        answer = self.answers.get(request.path, (200, {}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, reply = answer
        return (
            web.Response(body=reply, status=status)
            if isinstance(reply, bytes)
            else web.json_response(reply, status=status)
        )

    def bodies(self, path):
        return [body for _, called, body, _ in self.calls if called == path]


@pytest.fixture
async def dingtalk():
    server = Dingtalk()
    app = web.Application(client_max_size=2**23)
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def api(dingtalk):
    async with HttpClient() as http:
        yield OpenApi(http, Application("dingabc", "s3cr3t", Endpoints(dingtalk.base + "/", dingtalk.base)))


SEND = "/v1.0/robot/groupMessages/send"
PEOPLE = "/v1.0/robot/oToMessages/batchSend"
CREATE = "/v1.0/card/instances/createAndDeliver"


async def test_openapi_token_is_fetched_once_for_many_callers(api, dingtalk):
    tokens = await asyncio.gather(*(api.tokens.get() for _ in range(50)))
    assert set(tokens) == {"token-1"}
    assert dingtalk.bodies("/v1.0/oauth2/accessToken") == [{"appKey": "dingabc", "appSecret": "s3cr3t"}]


async def test_openapi_token_survives_an_impatient_caller(api, dingtalk):
    hasty = asyncio.create_task(api.tokens.get())
    patient = asyncio.create_task(api.tokens.get())
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == "token-1"


async def test_openapi_token_is_renewed_before_it_ends(api, dingtalk):
    dingtalk.answers["/v1.0/oauth2/accessToken"] = [
        (200, {"accessToken": "short", "expireIn": 0}),
        (200, {"accessToken": "next", "expireIn": 7200}),
    ]
    assert await api.tokens.get() == "short"
    assert await api.tokens.get() == "next"
    assert await api.tokens.get() == "next"
    assert len(dingtalk.bodies("/v1.0/oauth2/accessToken")) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"code": "authFailed", "message": "鉴权失败"}),
        (401, {"code": "InvalidAuthentication", "message": "bad"}),
        (400, {"code": "invalidClientIdOrSecret", "message": "no"}),
    ],
)
async def test_openapi_wrong_credentials_are_named(api, dingtalk, status, body):
    dingtalk.answers["/v1.0/oauth2/accessToken"] = (status, body)
    with pytest.raises(BadCredentials, match="Client Secret") as caught:
        await Replies(api).send_to_group("cid", markdown_message("t", "m"))
    assert caught.value.permanent
    dingtalk.answers.pop("/v1.0/oauth2/accessToken")
    await api.tokens.get()


async def test_openapi_stale_token_is_renewed_once_and_the_call_repeated(api, dingtalk):
    stale = (401, {"code": "InvalidAuthentication", "message": "不合法的access_token"})
    dingtalk.answers[SEND] = [stale, (200, {"processQueryKey": "k1"})]
    assert await Replies(api).send_to_group("cidA==", markdown_message("告警", "**你好**")) == "k1"
    assert dingtalk.tokens == 2
    used = [
        request.headers["x-acs-dingtalk-access-token"]
        for _, path, _, request in dingtalk.calls
        if path == SEND
    ]
    assert used == ["token-1", "token-2"]
    dingtalk.answers[SEND] = stale
    with pytest.raises(RemoteError) as caught:
        await Replies(api).send_to_group("cidA==", markdown_message("告警", "**你好**"))
    assert not caught.value.permanent


async def test_openapi_group_message_has_the_robots_format(api, dingtalk):
    await Replies(api).send_to_group("cidA==", markdown_message("告警", "**你好**"))
    body = dingtalk.bodies(SEND)[0]
    assert body["robotCode"] == "dingabc"
    assert body["openConversationId"] == "cidA=="
    assert body["msgKey"] == "sampleMarkdown"
    assert json.loads(body["msgParam"]) == {"title": "告警", "text": "**你好**"}


async def test_openapi_private_message_reaches_everyone_or_fails(api, dingtalk):
    replies = Replies(api)
    dingtalk.answers[PEOPLE] = (200, {"processQueryKey": "k", "invalidStaffIdList": []})
    assert await replies.send_to_people(["a", "b"], markdown_message("t", "m"), robot_code="other") == "k"
    assert dingtalk.bodies(PEOPLE)[0]["userIds"] == ["a", "b"]
    assert dingtalk.bodies(PEOPLE)[0]["robotCode"] == "other"
    dingtalk.answers[PEOPLE] = (200, {"processQueryKey": "k", "invalidStaffIdList": ["b"]})
    with pytest.raises(RemoteError, match="b") as caught:
        await replies.send_to_people(["a", "b"], markdown_message("t", "m"))
    assert caught.value.permanent
    dingtalk.answers[PEOPLE] = (200, {"processQueryKey": "k", "flowControlledStaffIdList": ["b"]})
    with pytest.raises(RateLimited):
        await replies.send_to_people(["b"], markdown_message("t", "m"))
    for people in ([], [str(number) for number in range(21)]):
        with pytest.raises(InvalidInput, match="20"):
            await replies.send_to_people(people, markdown_message("t", "m"))


async def test_openapi_webhook_reply_has_the_sdks_format(api, dingtalk):
    dingtalk.answers["/robot/sendBySession"] = (200, {"errcode": 0, "errmsg": "ok"})
    webhook = f"{dingtalk.base}/robot/sendBySession?session=abc"
    await Replies(api).send_by_session(webhook, "标题", "@user01 好的", ["user01"])
    assert dingtalk.bodies("/robot/sendBySession") == [
        {
            "msgtype": "markdown",
            "markdown": {"title": "标题", "text": "@user01 好的"},
            "at": {"atUserIds": ["user01"]},
        }
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "permanent"),
    [
        ((200, {"errcode": 300001, "errmsg": "session 不存在"}), ReplyTargetExpired, True),
        ((200, {"errcode": 130101, "errmsg": "send too fast"}), RateLimited, False),
        ((200, {"errcode": 302033, "errmsg": "send too fast"}), RateLimited, False),
        ((200, {"errcode": 460101, "errmsg": "size"}), RemoteError, True),
        ((200, {"errcode": 310000, "errmsg": "keywords"}), RemoteError, True),
        ((200, {"errcode": -1, "errmsg": "系统繁忙"}), RemoteError, False),
        ((200, {"errcode": 99999, "errmsg": "?"}), RemoteError, True),
        ((200, b"<html>portal</html>"), RemoteError, False),
        ((200, {"ok": True}), RemoteError, False),
        ((500, b"oops"), RemoteError, False),
        ((429, b""), RateLimited, False),
    ],
)
async def test_openapi_webhook_errors_are_told_apart_without_the_session(
    api, dingtalk, answer, kind, permanent
):
    dingtalk.answers["/robot/sendBySession"] = answer
    with pytest.raises(kind) as caught:
        await Replies(api).send_by_session(f"{dingtalk.base}/robot/sendBySession?session=hidden", "t", "m")
    assert type(caught.value) is kind
    assert caught.value.permanent is permanent
    assert caught.value.code
    assert "hidden" not in caught.value.message


async def test_openapi_foreign_webhook_is_never_called(api):
    with pytest.raises(InvalidInput, match=r"evil\.example"):
        await Replies(api).send_by_session("https://evil.example/robot/sendBySession?session=x", "t", "m")


FORBIDDEN = "Forbidden.AccessDenied."


@pytest.mark.parametrize(
    ("status", "body", "kind", "permanent", "says"),
    [
        (
            403,
            {
                "code": f"{FORBIDDEN}AccessTokenPermissionDenied",
                "accessdenieddetail": {"requiredScopes": ["Card.Instance.Write"]},
            },
            RemoteError,
            True,
            "Card.Instance.Write",
        ),
        (403, {"code": f"{FORBIDDEN}QpsLimitForAppkeyAndApi"}, RateLimited, False, "限流"),
        (403, {"code": f"{FORBIDDEN}QpsLimitForApi"}, RateLimited, False, "限流"),
        (429, {"code": "Throttling.RateLimit"}, RateLimited, False, "限流"),
        (403, {"code": f"{FORBIDDEN}ApiCountLimitForOrg"}, QuotaUsedUp, False, "月度"),
        (403, {"code": f"{FORBIDDEN}IpNotInWhiteList"}, RemoteError, True, "白名单"),
        (
            400,
            {"code": "invalidParameter.robotCode.empty", "message": "robotCode"},
            RemoteError,
            True,
            "robotCode",
        ),
        (500, {"code": "unknownError"}, RemoteError, False, "暂时"),
        (500, {"code": "system.err"}, RemoteError, False, "暂时"),
        (504, b"gateway timeout", OutcomeUnknown, False, "504"),
        (403, b"<html>squid</html>", RemoteError, False, "代理"),
    ],
)
async def test_openapi_errors_are_told_apart(api, dingtalk, status, body, kind, permanent, says):
    dingtalk.answers[SEND] = (status, body)
    with pytest.raises(kind) as caught:
        await Replies(api).send_to_group("cid", markdown_message("t", "m"))
    assert type(caught.value) is kind
    assert caught.value.permanent is permanent
    assert says in caught.value.message
    assert caught.value.status == status
    if issubclass(kind, RateLimited):
        assert caught.value.retry_after >= 2


async def test_openapi_card_is_delivered_to_a_group_or_a_person(api, dingtalk):
    cards = Cards(api)
    delivered = {"success": True, "result": {"outTrackId": "t", "deliverResults": [{"success": True}]}}
    dingtalk.answers[CREATE] = (200, delivered)
    await cards.create_and_deliver("tpl", "t", {"n": 1}, CardPlace("cidA==", is_group=True), at={"u": "小王"})
    await cards.create_and_deliver("tpl", "t", {}, CardPlace("cidB==", is_group=False, staff_id="u"))
    group, person = dingtalk.bodies(CREATE)
    assert group["openSpaceId"] == "dtv1.card//IM_GROUP.cidA=="
    assert group["imGroupOpenDeliverModel"] == {"robotCode": "dingabc", "atUserIds": {"u": "小王"}}
    assert group["callbackType"] == "STREAM"
    assert group["cardData"] == {"cardParamMap": {"n": "1"}}
    assert person["openSpaceId"] == "dtv1.card//IM_ROBOT.u"
    assert person["imRobotOpenDeliverModel"] == {"spaceType": "IM_ROBOT", "robotCode": "dingabc"}
    with pytest.raises(InvalidInput, match="staffId"):
        await cards.create_and_deliver("tpl", "t", {}, CardPlace("cidB==", is_group=False))


async def test_openapi_card_that_was_not_delivered_is_an_error_within_a_200(api, dingtalk):
    result = {"deliverResults": [{"success": False, "errorMsg": "robot not in group"}]}
    dingtalk.answers[CREATE] = (200, {"success": True, "result": result})
    with pytest.raises(RemoteError, match="robot not in group"):
        await Cards(api).create_and_deliver("tpl", "t", {}, CardPlace("cid", is_group=True))


async def test_openapi_card_is_updated_and_streamed(api, dingtalk):
    cards = Cards(api)
    await cards.update("t", {"flowStatus": "3"}, private={"u": {"seen": "1"}})
    for final in (False, True):
        await cards.stream("t", "content", "全文", final=final)
    body = dingtalk.bodies("/v1.0/card/instances")[0]
    assert body["cardData"] == {"cardParamMap": {"flowStatus": "3"}}
    assert body["cardUpdateOptions"]["updateCardDataByKey"] is True
    assert body["privateData"] == {"u": {"cardParamMap": {"seen": "1"}}}
    first, last = dingtalk.bodies("/v1.0/card/streaming")
    assert (first["isFull"], first["isFinalize"], last["isFinalize"]) == (True, False, True)
    assert first["guid"] != last["guid"]
    dingtalk.answers["/v1.0/card/streaming"] = (200, {"success": False})
    with pytest.raises(RemoteError):
        await cards.stream("t", "content", "全文")


async def test_openapi_media_is_uploaded_with_a_fresh_token_if_need_be(api, dingtalk):
    dingtalk.answers["/media/upload"] = [
        (200, {"errcode": 40014, "errmsg": "不合法的access_token"}),
        (200, {"errcode": 0, "media_id": "@lAL", "type": "image"}),
    ]
    content = bytes(range(256)) * 8192  # 2 MiB: more than aiohttp likes to take as bytes
    assert await Media(api).upload(content, "图.png") == "@lAL"
    assert dingtalk.tokens == 2
    body = dingtalk.bodies("/media/upload")[1]
    assert body["type"] == "image"
    assert body["media"] == content


async def test_openapi_media_is_downloaded_up_to_a_size(api, dingtalk):
    dingtalk.answers["/v1.0/robot/messageFiles/download"] = (
        200,
        {"downloadUrl": f"{dingtalk.base}/file?sign=x"},
    )
    dingtalk.answers["/file"] = (200, b"content")
    got = bytearray()
    await Media(api).download("code", got.extend)
    assert bytes(got) == b"content"
    assert dingtalk.bodies("/v1.0/robot/messageFiles/download") == [
        {"downloadCode": "code", "robotCode": "dingabc"}
    ]
    with pytest.raises(RemoteError) as caught:
        await Media(api).download("code", bytearray().extend, max_bytes=3)
    assert caught.value.code == "too_large"
    dingtalk.answers["/file"] = (403, b"expired")
    with pytest.raises(RemoteError, match="过期"):
        await Media(api).download("code", bytearray().extend)


def test_openapi_application_never_shows_its_secret():
    application = Application("dingabc", "s3cr3t", proxy="http://u:pw@proxy:1")
    assert "s3cr3t" not in repr(application)
    assert "pw" not in repr(application)
    assert application.robot == "dingabc"


REGISTER = "/v1.0/card/callbacks/register"


async def test_cards_that_were_sent_before_are_registered_again_by_whatever_is_done_first(api, dingtalk):
    """The secret of their callbacks may be another one since: whoever changes a card says so, once a process."""
    callback = CardCallback("https://bifang.example.com/dingtalk/1-x/cards", "bifang-1-abc", "the-secret")
    cards = Cards(api, callback)
    for _ in range(2):
        await cards.update("t", {"title": "x"})
    assert dingtalk.bodies(REGISTER) == [
        {
            "callbackRouteKey": "bifang-1-abc", "callbackUrl": callback.url, "apiSecret": "the-secret",
            "forceUpdate": True,
        }
    ]  # fmt: skip
    unset = Cards(api, CardCallback("", "bifang-1-abc", "the-secret"))
    await unset.update("t", {"title": "x"})
    assert len(dingtalk.bodies(REGISTER)) == 1
