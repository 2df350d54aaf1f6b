"""Requests and answers of the ``/sim/…`` endpoints of every simulator."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bifang.core.errors import BifangError, InvalidInput

from .values import dump

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body. InvalidInput if it is none."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise InvalidInput("请求正文应是一个 JSON 对象")
    return body


async def read_json(request: web.Request) -> Any:
    """The JSON in the body. InvalidInput if it is none."""
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise InvalidInput(f"请求正文不是合法的 JSON：{error}") from error


def answer_json(value: Any, status: int = 200) -> web.Response:
    """JSON with Chinese left readable."""
    return web.json_response(value, status=status, dumps=dump)


def telling_errors(handler: Handler) -> Handler:
    """Answer our own errors as ``{"error": message}`` with status 400."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BifangError as error:
            return answer_json({"error": error.message}, status=400)

    return handle
