"""Files that people send with what they say, on any platform."""

import base64
from typing import Any

from aiohttp import web

from bifang.core.errors import InvalidInput


def read_file(given: Any) -> tuple[str, bytes]:
    """Name and bytes of ``{name, text}`` or ``{name, base64}``. InvalidInput."""
    if not isinstance(given, dict) or not given.get("name"):
        raise InvalidInput("file 应是 {name, text} 或 {name, base64}")
    try:
        data = (
            base64.b64decode(given["base64"], validate=True)
            if "base64" in given
            else str(given.get("text") or "").encode()
        )
    except (ValueError, TypeError) as error:
        raise InvalidInput("file.base64 不是合法的 base64") from error
    return str(given["name"]), data


async def pour_endlessly(request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    """More and more, without a length, until the receiver has enough."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        while True:
            await response.write(b" " * (1 << 20))
    except ConnectionError:
        return response
