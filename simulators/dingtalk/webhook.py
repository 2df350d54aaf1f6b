"""``POST /robot/sendBySession?session=``: the answer of a robot into the conversation of one message.

Failures are HTTP 200 with an errcode: 300001 unknown or expired session, 130101 more than 20 messages a minute,
460101 more than 20 000 bytes (seen in the field; DingTalk publishes no full list).
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.history import Entry
from simulators.values import mint, now_ms

from .sessions import Session
from .world import World

MAX_BYTES = 20_000
OK = b'{"errcode":0,"errmsg":"ok"}'
MESSAGES = {
    300001: "session 不存在",
    130101: "send too fast, exceed 20 times per minute",
    302033: "send too fast, exceed 20 times per minute",
    460101: "message body size is illegal",
    310000: "keywords not in content",
    400105: "unsupported msgtype",
    40035: "缺少参数 json",
}


def answer_errcode(code: int) -> web.Response:
    """A legacy answer: HTTP 200 with an errcode."""
    return web.json_response({"errcode": code, "errmsg": MESSAGES.get(code, f"error {code}")})


@dataclass(slots=True)
class Webhook:
    """The endpoint. This is the hot path of the benches."""

    world: World

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take one message of a robot."""
        world = self.world
        raw = await request.read()
        session = world.sessions.known.get(request.query.get("session", ""))
        if world.faults.active:
            broken = await self._break(request, session.client_id if session else "")
            if broken is not None:
                return broken
        session = world.sessions.find(request.query.get("session", ""))
        if session is None:
            return answer_errcode(300001)
        if len(raw) > MAX_BYTES:
            return answer_errcode(460101)
        return self._accept(request, session, raw)

    def _accept(self, request: web.Request, session: Session, raw: bytes) -> web.Response:
        try:
            body = json.loads(raw)
            text = extract_text(body)
        except (ValueError, TypeError, AttributeError, KeyError):
            return answer_errcode(40035)
        if text is None:
            return answer_errcode(400105)
        if not self.world.limits.admit_webhook(session.client_id, session.conversation_id):
            return answer_errcode(130101)
        self._record(session, body, text)
        if self.world.faults.take("webhook_lost", session.client_id) and request.transport:
            request.transport.abort()
        return web.Response(body=OK, content_type="application/json")

    def _record(self, session: Session, body: dict[str, Any], text: str) -> None:
        at = body.get("at")
        ids = at.get("atUserIds") if isinstance(at, dict) else None
        self.world.calls["webhook"] += 1
        self.world.metered["messages"] += 1
        self.world.history.add(
            Entry(
                id=mint("out"),
                client_id=session.client_id,
                conversation_id=session.conversation_id,
                sender=session.client_id,
                msgtype=body["msgtype"],
                text=text,
                route="webhook",
                at=now_ms(),
                at_user_ids=[str(user) for user in ids if user] if isinstance(ids, list) else [],
                reply_to=session.msg_id,
                raw=body,
            )
        )

    async def _break(self, request: web.Request, client_id: str) -> web.Response | None:
        faults = self.world.faults
        down = faults.take("webhook_down", client_id)
        if down == "refuse" and request.transport:
            request.transport.abort()
        if down:
            return web.Response(status=503, text="Service Unavailable")
        await faults.stall("webhook", client_id, self.world.stopping)
        status = faults.take("webhook_status", client_id)
        if status:
            return web.Response(status=int(status), text="故障注入")
        code = faults.take("webhook_errcode", client_id)
        return answer_errcode(int(code)) if code else None


def extract_text(body: dict[str, Any]) -> str | None:
    """The readable text of a robot message; None if its msgtype is unknown. Raises on a wrong shape."""
    msgtype = body["msgtype"]
    if msgtype == "text":
        return str(body["text"]["content"])
    if msgtype == "markdown":
        return str(body["markdown"]["text"])
    if msgtype == "actionCard":
        return str(body["actionCard"]["text"])
    if msgtype == "link":
        return str(body["link"]["text"])
    if msgtype == "feedCard":
        return "\n".join(str(link["title"]) for link in body["feedCard"]["links"])
    return None
