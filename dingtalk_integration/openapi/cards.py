"""Interactive and AI cards: create and deliver, update, stream. Paths and fields: DingTalk's OpenAPI client."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bifang.channels.cards.ports import CardPlace
from bifang.core.errors import InvalidInput, RemoteError
from dingtalk_integration.openapi.api import OpenApi

STAFF_ID_TYPE: Final = 1
# AI cards: the template variable flowStatus
PROCESSING, INPUTTING, FINISHED, FAILED = "1", "2", "3", "5"


@dataclass(frozen=True, slots=True)
class CardCallback:
    """Where clicks go by HTTP: the address, "" if nobody has said which; the key of its registration; its ``apiSecret``."""

    url: str = field(repr=False)
    route_key: str
    secret: str = field(repr=False)


class Cards:
    """``track_id`` (outTrackId) is ours and stable; ``values`` are template variables, strings only on the wire.

    ``callback``: where clicks go; None for Stream.
    """

    def __init__(self, api: OpenApi, callback: CardCallback | None = None) -> None:
        self._api = api
        self._callback = callback
        self._registered = False

    async def _call_back(self) -> dict[str, str]:
        """Without it, buttons never call back. By HTTP, the address is registered once, in place of an older one."""
        to = self._callback
        if to is None:
            return {"callbackType": "STREAM"}
        if not to.url:
            raise InvalidInput("没有设置 BIFANG_PUBLIC_URL，卡片按钮没有地址可以回调：改用文字消息。")
        await self._register(to)
        return {"callbackType": "HTTP", "callbackRouteKey": to.route_key}

    async def _register(self, to: CardCallback) -> None:
        """Once a process: the cards sent under this name before call back with this secret, too."""
        if self._registered:
            return
        body = {
            "callbackRouteKey": to.route_key, "callbackUrl": to.url, "apiSecret": to.secret, "forceUpdate": True,
        }  # fmt: skip
        await self._api.call("POST", "/v1.0/card/callbacks/register", body)
        self._registered = True

    async def create_and_deliver(
        self,
        template_id: str,
        track_id: str,
        values: Mapping[str, str],
        place: CardPlace,
        *,
        at: Mapping[str, str] | None = None,
        robot_code: str = "",
    ) -> None:
        """Show a new card. ``at``: staffId → name to mention in a group. RemoteError also if only the delivery
        failed, which DingTalk tells inside a 200."""
        body = {
            "cardTemplateId": template_id,
            "outTrackId": track_id,
            "cardData": _card_data(values),
            **await self._call_back(),
            "userIdType": STAFF_ID_TYPE,
            **_space(place, robot_code or self._api.application.robot, at or {}),
        }
        answer = await self._api.call("POST", "/v1.0/card/instances/createAndDeliver", body)
        _check_delivered(answer)

    async def update(
        self,
        track_id: str,
        values: Mapping[str, str],
        *,
        private: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Change the named variables, leaving the others; ``private``: staffId → that person's own values."""
        if self._callback is not None and self._callback.url:
            await self._register(self._callback)
        body: dict[str, Any] = {
            "outTrackId": track_id,
            "cardData": _card_data(values),
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "userIdType": STAFF_ID_TYPE,
        }
        if private:
            body["privateData"] = {who: _card_data(own) for who, own in private.items()}
        _check_success(await self._api.call("PUT", "/v1.0/card/instances", body))

    async def stream(
        self, track_id: str, key: str, content: str, *, final: bool = False, failed: bool = False
    ) -> None:
        """Show ``content``, the whole text so far, in the streaming variable ``key``; ``final`` ends the stream."""
        body = {
            "outTrackId": track_id,
            "guid": str(uuid.uuid4()),
            "key": key,
            "content": content,
            "isFull": True,  # markdown variables accept nothing else
            "isFinalize": final,
            "isError": failed,
        }
        _check_success(await self._api.call("PUT", "/v1.0/card/streaming", body))


def _card_data(values: Mapping[str, str]) -> dict[str, Any]:
    return {"cardParamMap": {name: str(value) for name, value in values.items()}}


def _space(place: CardPlace, robot_code: str, at: Mapping[str, str]) -> dict[str, Any]:
    if place.is_group:
        deliver: dict[str, Any] = {"robotCode": robot_code}
        if at:
            deliver["atUserIds"] = dict(at)
        return {
            "openSpaceId": f"dtv1.card//IM_GROUP.{place.conversation_id}",
            "imGroupOpenSpaceModel": {"supportForward": True},
            "imGroupOpenDeliverModel": deliver,
        }
    if not place.staff_id:
        raise InvalidInput("无法向没有 staffId 的人（企业外部人员）发送卡片，请改用文字回复。")
    return {
        "openSpaceId": f"dtv1.card//IM_ROBOT.{place.staff_id}",
        "imRobotOpenSpaceModel": {"supportForward": True},
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": robot_code},
    }


def _check_delivered(answer: Mapping[str, Any]) -> None:
    _check_success(answer)
    result = answer.get("result")
    results = result.get("deliverResults") if isinstance(result, dict) else None
    for one in results if isinstance(results, list) else ():
        if isinstance(one, dict) and not one.get("success"):
            reason = str(one.get("errorMsg") or "钉钉未说明原因")[:200]
            raise RemoteError(
                f"卡片没有送达（{reason}）：请检查卡片模板是否已发布、机器人是否在该会话中。",
                permanent=True,
                status=200,
                code="deliver",
            )


def _check_success(answer: Mapping[str, Any]) -> None:
    if answer.get("success") is False or answer.get("result") is False:
        raise RemoteError(
            "钉钉没有接受卡片内容，请检查卡片模板的变量。", permanent=True, status=200, code="card"
        )
