"""``GET /open-apis/im/v1/messages/{message_id}/resources/{file_key}``: the bytes of what was sent; ``POST
/open-apis/im/v1/files``: the bytes of what a bot is about to send."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.attachments import pour_endlessly
from simulators.values import mint

from .openapi import BAD_PARAMETER, Call, OpenApi, Refusal
from .world import World

NOT_IN_MESSAGE, TOO_BIG, EMPTY, NOT_A_TYPE = 234003, 234006, 234010, 234001
FILE_TYPES, MOST = ("opus", "mp4", "pdf", "doc", "xls", "ppt", "stream"), 30 * 1024 * 1024
HEADERS = {"Content-Type": "application/octet-stream"}


@dataclass(slots=True)
class Resources:
    """The endpoints. ``world.resources`` holds the bytes by file_key."""

    world: World
    openapi: OpenApi

    def routes(self) -> list[web.RouteDef]:
        """Both."""
        path = "/open-apis/im/v1/messages/{message_id}/resources/{file_key}"
        upload = web.post("/open-apis/im/v1/files", self.openapi.guard(self.upload))
        return [web.get(path, self.openapi.serve(self.show)), upload]

    def upload(self, call: Call) -> dict[str, Any]:
        """Multipart ``file_type``, ``file_name``, ``file`` → ``{file_key}``; no empty file, none over 30 MB."""
        call.read_text("file_name")
        file, kind = call.body.get("file"), call.read_text("file_type")
        data = file.file.read() if isinstance(file, web.FileField) else b""
        if kind not in FILE_TYPES:
            raise Refusal(NOT_A_TYPE, "Invalid file type.")
        if not 0 < len(data) <= MOST:
            raise Refusal(EMPTY if not data else TOO_BIG, "File size can't be 0 or over 30 MB.")
        key = mint("file_")
        self.world.resources[key] = data
        return {"file_key": key}

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
