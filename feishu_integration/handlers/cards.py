"""Clicks on cards (card.action.trigger): decided within the 3 s that Feishu waits, answered with a toast and the card."""

import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from bifang.channels.ports import Incoming, ReplySink, Turn, TurnResult
from bifang.channels.text.outgoing import safe_line
from bifang.core.errors import BifangError
from feishu_integration.cards.content import card_json
from feishu_integration.handlers.contents import field_of, object_of
from secops_agent.agent.acting import clicks
from secops_agent.agent.acting.clicks import Clicked, face_of, headline_of

log = logging.getLogger(__name__)
DECIDE_WITHIN_S: Final = 2.0  # the rest is for storing, and for the way
OUTSIDER: Final = "外部人员，已忽略"
GOES_ON: Final = "还在处理，结果稍后私聊告诉您，不用再点"
LONGEST_TOAST, LONGEST_ID = 200, 200
MOST_PARAMS, LONGEST_PARAM = 20, 200
Tone = Literal["success", "info", "warning", "error"]


def read_click(header: Mapping[str, Any], event: Mapping[str, Any], config_id: int) -> Incoming:
    """The stored form of a click: whose it is, on which card, and the texts that we put into its button.

    A person of another tenant (a card can be forwarded) has pressed nothing.
    """
    operator, context = object_of(event, "operator"), object_of(event, "context")
    corp_id, open_id = field_of(operator, "tenant_key"), field_of(operator, "open_id")
    outsider = not open_id or not corp_id or corp_id != field_of(header, "tenant_key")
    params = _params(object_of(object_of(event, "action"), "value"))
    payload: dict[str, Any] = {
        "out_track_id": params.pop("track_id", ""),
        "corp_id": corp_id[:LONGEST_ID],
        "params": {} if outsider else params,
        "door": "feishu",
        **({"outsider": True} if outsider else {}),
    }
    return Incoming(
        config_id=config_id,
        kind="card",
        external_id=field_of(header, "event_id"),
        conversation_id=field_of(context, "open_chat_id"),
        sender_id=open_id,
        payload=payload,
    )


def _params(value: Mapping[str, Any]) -> dict[str, str]:
    """Short texts only: nothing else is in a button of ours."""
    named = [(name, one) for name, one in value.items() if isinstance(one, str) and len(name) <= LONGEST_ID]
    return {name: one for name, one in named[:MOST_PARAMS] if len(one) <= LONGEST_PARAM}


async def decide(item: Incoming) -> tuple[Incoming, dict[str, Any]]:
    """What to store, and the answer to the click. What takes longer is told by the turn of the stored row."""
    clicked = await clicks.decide(item, DECIDE_WITHIN_S)
    return clicked.item, answer_to(clicked)


def answer_to(clicked: Clicked) -> dict[str, Any]:
    """Everybody sees the card as it stands now; a refusal is a toast, which the clicker alone sees."""
    outcome = clicked.outcome
    if outcome is None:
        return toast("info", GOES_ON) if clicked.late else {}
    if outcome.status == "refused":
        return toast("error", outcome.text)
    face, told = face_of(outcome), toast("success", headline_of(outcome))
    if face is None:
        return told
    track_id = str(clicked.item.payload["out_track_id"])
    try:
        shown = card_json(face.title, face.text, face.buttons or (), track_id)
    except BifangError:  # too large for a card; what was decided stays decided
        return told
    return {**told, "card": {"type": "raw", "data": shown}}


def toast(tone: Tone, text: str) -> dict[str, Any]:
    """A line over the chat, for a few seconds; no Markdown."""
    line = safe_line(text).replace("**", "")
    return {"toast": {"type": tone, "content": line[:LONGEST_TOAST]}}


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Nothing for an outsider; else as everywhere."""
    if turn.payload.get("outsider"):
        log.info("feishu 忽略企业外人员的点按", extra={"config": turn.config_id})
        return TurnResult(note=OUTSIDER)
    return await clicks.handle(turn, sink)
