"""``/v1.0/card/…``: cards are created, delivered, changed, streamed.

Rules that bite in the field and are kept here: every cardParamMap value is a string; ``success`` of a delivery is
inside a 200; two updates of one card at the same time are a 403.
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.exchanges import answer_json
from simulators.history import Entry
from simulators.values import mint

from .cards import Card
from .openapi import QPS, TOKEN_HEADER, Call, Handler, OpenApi, Refusal
from .world import World


@dataclass(slots=True)
class CardApi:
    """The endpoints."""

    world: World
    openapi: OpenApi

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        guard = self.openapi.guard
        return [
            web.post("/v1.0/card/instances", guard(self.create)),
            web.post("/v1.0/card/instances/deliver", guard(self.deliver)),
            web.post("/v1.0/card/instances/createAndDeliver", guard(self.create_and_deliver)),
            web.put("/v1.0/card/instances", self._one_at_a_time(guard(self.update))),
            web.put("/v1.0/card/streaming", self._one_at_a_time(guard(self.stream))),
            web.get("/sim/cards", self.show_cards),
        ]

    def create(self, call: Call) -> dict[str, Any]:
        """A card that is nowhere yet."""
        return {"success": True, "result": self._create(call).out_track_id}

    def deliver(self, call: Call) -> dict[str, Any]:
        """Put a card into spaces."""
        card = self._find(call)
        return {"success": True, "result": self._deliver(call, card)}

    def create_and_deliver(self, call: Call) -> dict[str, Any]:
        """Both at once."""
        call.need("openSpaceId")
        card = self._create(call)
        results = self._deliver(call, card)
        return {"success": True, "result": {"outTrackId": card.out_track_id, "deliverResults": results}}

    def update(self, call: Call) -> dict[str, Any]:
        """Change variables; without ``updateCardDataByKey`` all of them are replaced."""
        card = self._find(call)
        apply_update(card, call.body)
        refresh_bubbles(self.world, card)
        return {"success": True, "result": True}

    def stream(self, call: Call) -> dict[str, Any]:
        """One streaming update; ``guid`` must be new for every call."""
        card = self._find(call)
        guid, key = call.need("guid", "key")
        content = call.body.get("content")
        if not isinstance(content, str):
            raise Refusal(400, "invalidParameter.content.invalid", "content 应是字符串")
        if guid not in card.guids:
            card.guids.add(guid)
            card.stream(
                str(key),
                content,
                full=bool(call.body.get("isFull")),
                final=bool(call.body.get("isFinalize")),
                error=bool(call.body.get("isError")),
            )
            refresh_bubbles(self.world, card)
        return {"success": True, "result": True}

    async def show_cards(self, request: web.Request) -> web.StreamResponse:
        """All cards: ``?client_id=``."""
        wanted = request.query.get("client_id", "")
        cards = self.world.cards.known.values()
        return answer_json([card.to_dict() for card in cards if not wanted or card.client_id == wanted])

    def _create(self, call: Call) -> Card:
        template, out_track_id, data = call.need("cardTemplateId", "outTrackId", "cardData")
        card = Card(
            out_track_id=str(out_track_id),
            client_id=call.robot.client_id,
            template_id=str(template),
            callback_type=str(call.body.get("callbackType") or ""),
            params=read_params(data),
            callback_route=str(call.body.get("callbackRouteKey") or ""),
        )
        return self.world.cards.add(card)

    def _find(self, call: Call) -> Card:
        (out_track_id,) = call.need("outTrackId")
        card = self.world.cards.find(call.robot.client_id, str(out_track_id))
        if card is None:
            raise Refusal(400, "invalidParameter.outTrackId.notExist", "卡片不存在")
        return card

    def _deliver(self, call: Call, card: Card) -> list[dict[str, Any]]:
        (spaces,) = call.need("openSpaceId")
        return [self._deliver_to(call, card, space) for space in str(spaces).split(";") if space]

    def _deliver_to(self, call: Call, card: Card, space: str) -> dict[str, Any]:
        kind, space_id, conversation_id, problem = self._locate(call, space)
        broken = self.world.faults.take("card_deliver_false", card.client_id)
        if broken:
            problem = broken if isinstance(broken, str) else "卡片投放失败（故障注入）"
        result = {"spaceId": space_id, "spaceType": kind, "carrierId": mint("carrier-")}
        if problem:
            return {**result, "success": False, "errorMsg": problem}
        if space not in card.spaces:
            card.spaces.append(space)
            self._show(card, conversation_id, _mentioned(call))
        return {**result, "success": True, "errorMsg": ""}

    def _locate(self, call: Call, space: str) -> tuple[str, str, str, str]:
        """(spaceType, spaceId, conversation id, what is wrong) of ``dtv1.card//IM_GROUP.cid…``."""
        kind, _, space_id = space.removeprefix("dtv1.card//").partition(".")
        client_id = call.robot.client_id
        if kind == "IM_GROUP":
            model = call.body.get("imGroupOpenDeliverModel") or {}
            if model.get("robotCode") != client_id:
                return kind, space_id, "", "imGroupOpenDeliverModel.robotCode 缺失或与应用不符"
            room = self.world.conversations.find(client_id, space_id)
            known = room is not None and room.is_group
            return kind, space_id, space_id, "" if known else "群不存在或机器人不在群里"
        if kind == "IM_ROBOT":
            person = self.world.people.find_staff(space_id)
            if person is None:
                return kind, space_id, "", "用户不存在"
            return kind, space_id, self.world.conversations.find_single(client_id, person.key).id, ""
        return kind, space_id, "", f"不支持的场域 {kind}"

    def _show(self, card: Card, conversation_id: str, at_user_ids: list[str]) -> None:
        entry = Entry(
            id=mint("card"),
            client_id=card.client_id,
            conversation_id=conversation_id,
            sender=card.client_id,
            msgtype="card",
            text=card.params.get("content", ""),
            route="card",
            card=card.out_track_id,
            at_user_ids=at_user_ids,
            raw={"template_id": card.template_id, "params": card.params},
        )
        card.entries.append(entry.id)
        self.world.history.add(entry)

    def _one_at_a_time(self, handler: Handler) -> Handler:
        """Refuse an update of a card while another is under way."""

        async def handle(request: web.Request) -> web.StreamResponse:
            card = await self._peek(request)
            if card is None:
                return await handler(request)
            if card.busy:
                self.world.calls["parallel card updates"] += 1
                return web.json_response(
                    {"code": QPS, "message": "同一卡片不能并行更新", "requestid": mint("")}, status=403
                )
            card.busy = True
            try:
                return await handler(request)
            finally:
                card.busy = False

        return handle

    async def _peek(self, request: web.Request) -> Card | None:
        try:
            body = json.loads(await request.read())
            out_track_id = str(body["outTrackId"])
        except (ValueError, KeyError, TypeError):
            return None
        client_id = self.openapi.tokens.owner(request.headers.get(TOKEN_HEADER, ""))
        return self.world.cards.find(client_id, out_track_id)


def _mentioned(call: Call) -> list[str]:
    """``atUserIds`` of a card for a group: staff id → name."""
    at = (call.body.get("imGroupOpenDeliverModel") or {}).get("atUserIds")
    return [str(user) for user in at] if isinstance(at, dict) else []


def refresh_bubbles(world: World, card: Card) -> None:
    """Show the changed card wherever it is."""
    for entry_id in card.entries:
        entry = world.history.find(card.client_id, entry_id)
        if entry is not None:
            entry.text = card.params.get("content", "")
            entry.raw = {"template_id": card.template_id, "params": card.params}
            world.history.touch(entry)


def apply_update(card: Card, body: dict[str, Any]) -> None:
    """Apply cardData and privateData as PUT /v1.0/card/instances and callback answers give them."""
    options = body.get("cardUpdateOptions") or {}
    if body.get("cardData"):
        card.merge(read_params(body["cardData"]), by_key=bool(options.get("updateCardDataByKey")))
    for user_id, data in (body.get("privateData") or {}).items():
        by_key = bool(options.get("updatePrivateDataByKey"))
        card.merge_private(str(user_id), read_params(data), by_key=by_key)


def read_params(data: Any) -> dict[str, str]:
    """cardParamMap. Refusal 400 unless all its values are strings."""
    params = data.get("cardParamMap") if isinstance(data, dict) else None
    if params is None:
        return {}
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise Refusal(400, "invalidParameter.cardData.invalid", "cardParamMap 的值都应是字符串")
    return dict(params)
