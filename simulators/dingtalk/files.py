"""Files: those that people send with messages, and those that a robot uploads.

A test may say what a downloadCode gives: ``PUT /sim/files/<code>`` with the bytes.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import quote

from aiohttp import web
from aiohttp.web_request import FileField

from simulators.attachments import pour_endlessly
from simulators.values import mint, now_ms

from .openapi import OpenApi
from .world import KeptFile, World

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060"
    "000000050001a5f645400000000049454e44ae426082"
)
IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
MEDIA_TYPES = ("image", "voice", "video", "file")


@dataclass(slots=True)
class Files:
    """The endpoints."""

    world: World
    openapi: OpenApi

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.post("/media/upload", self.upload),
            web.get("/sim/files/{code}", self.serve),
            web.put("/sim/files/{code}", self.store),
        ]

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Legacy upload: multipart ``media`` and ``type``; errors are in a 200."""
        if not self.openapi.tokens.owner(request.query.get("access_token", "")):
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        form = await request.post()
        media, kind = form.get("media"), str(form.get("type") or request.query.get("type", ""))
        if not isinstance(media, FileField) or kind not in MEDIA_TYPES:
            return web.json_response({"errcode": 40004, "errmsg": "不合法的媒体文件类型"})
        media_id = "@" + mint("media")
        self.world.keep_file(media_id, _read_all(media.file), media.filename or "")
        answer: dict[str, Any] = {"errcode": 0, "errmsg": "ok", "media_id": media_id, "type": kind}
        return web.json_response({**answer, "created_at": now_ms()})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file: a tiny picture if nobody said otherwise. Never shown as a page."""
        status = self.world.faults.take("file_status", "", request.path)
        if status:
            return web.Response(status=int(status), text="<Error><Code>AccessDenied</Code></Error>")
        kept = self.world.files.get(request.match_info["code"], KeptFile("", PIXEL))
        image = next((kind for magic, kind in IMAGES.items() if kept.body.startswith(magic)), "")
        headers = {"X-Content-Type-Options": "nosniff"}
        if not image:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(kept.name or 'file')}"
        if self.world.faults.take("file_endless", "", request.path):
            return await pour_endlessly(request, headers)
        return web.Response(body=kept.body, content_type=image or "application/octet-stream", headers=headers)

    async def store(self, request: web.Request) -> web.StreamResponse:
        """Say what a downloadCode gives."""
        self.world.keep_file(request.match_info["code"], await request.read())
        return web.json_response({"stored": True})


def _read_all(file: Any) -> bytes:
    return file.read() if isinstance(file, BytesIO) else bytes(file.read())
