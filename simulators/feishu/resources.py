"""``GET /open-apis/im/v1/messages/{message_id}/resources/{file_key}``: the bytes of what people sent."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.attachments import pour_endlessly

from .openapi import BAD_PARAMETER, Call, OpenApi, Refusal
from .world import World

NOT_IN_MESSAGE = 234003
HEADERS = {"Content-Type": "application/octet-stream"}


@dataclass(slots=True)
class Resources:
    """The endpoint. ``world.resources`` holds the bytes by file_key."""

    world: World
    openapi: OpenApi

    def routes(self) -> list[web.RouteDef]:
        """One."""
        path = "/open-apis/im/v1/messages/{message_id}/resources/{file_key}"
        return [web.get(path, self.openapi.serve(self.show))]

    async def show(self, call: Call) -> web.StreamResponse:
        """Only of the message in which it was sent."""
        request, faults = call.request, self.world.faults
        entry = self.world.find_message(call.app.app_id, request.match_info["message_id"])
        key = request.match_info["file_key"]
        if request.query.get("type") not in ("file", "image"):
            raise Refusal(BAD_PARAMETER, "Your request contains an invalid request parameter: type")
        if entry is None or _key_of(entry.raw.get("content")) != key or key not in self.world.resources:
            raise Refusal(NOT_IN_MESSAGE, "File not in msg.")
        elsewhere = faults.take("file_redirect", call.app.app_id, request.path)
        if elsewhere:
            raise web.HTTPFound(str(elsewhere))
        if faults.take("file_endless", call.app.app_id, request.path):
            return await pour_endlessly(request, HEADERS)
        return web.Response(body=self.world.resources[key], headers=HEADERS)


def _key_of(content: Any) -> str:
    try:
        body = json.loads(content)
    except (TypeError, ValueError):
        return ""
    return str(body.get("file_key") or "") if isinstance(body, dict) else ""
