"""From a frame to the acknowledgement: normalise, store, and only then answer."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping

from bifang.channels.ports import Incoming, Kind
from bifang.channels.queues import inbox
from bifang.channels.queues.storable import unstorable
from dingtalk_integration.handlers import cards, chat, events
from dingtalk_integration.stream.frames import CHAT_ACK, EVENT_ACK, Ack, Frame, card_ack

# What nothing can be made of: kept for people to look at.


def dead_letter(frame: Frame, config_id: int, kind: Kind, reason: str) -> Incoming:
    """The raw frame, kept for people to look at. Delivered again, it is the same letter."""
    raw = frame.raw.encode("utf-8", "surrogatepass")
    identity = hashlib.sha256(repr(sorted((k, v) for k, v in _stable(frame).items())).encode()).hexdigest()[
        :40
    ]
    return Incoming(config_id, kind, f"raw-{identity}", unreadable=raw, reason=reason)


def _stable(frame: Frame) -> dict[str, str]:
    """What stays the same when DingTalk delivers a frame again (its messageId and time do not)."""
    try:
        outer = json.loads(frame.raw)
        if "data" not in outer:  # by HTTP: all of it is the same each time
            return {"raw": ascii(frame.raw)}
        return {"data": ascii(outer.get("data")), "event": frame.header("eventId")}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {"raw": ascii(frame.raw)}


log = logging.getLogger(__name__)
NORMALISE: Mapping[str, Callable[[Frame, int], Incoming]] = {
    "chat": chat.normalise,
    "event": events.normalise,
    "card": cards.normalise,
}
ACKS: Mapping[str, Ack] = {"chat": CHAT_ACK, "event": EVENT_ACK, "card": card_ack({})}


class Intake:
    """Receives the frames of one configuration; `stored` is told that there is work."""

    def __init__(self, config_id: int, stored: Callable[[], None]) -> None:
        self._config_id = config_id
        self._stored = stored

    async def receive(self, frame: Frame) -> Ack | None:
        """The ack, when it is on the disk; None if it could not be stored: DingTalk will deliver it again."""
        item, ack = self._item(frame), ACKS[frame.kind]
        if item.kind == "card" and not item.unreadable:
            item, ack = await cards.decide(item)
        try:
            await inbox.receive(item)
        except Exception:
            log.exception("dingtalk 消息没能保存，不确认，等待钉钉重新投递", extra=self._fields(item))
            return None
        self._stored()
        log.info("dingtalk 收到并已保存 %s", item.kind, extra=self._fields(item))
        return ack

    def _item(self, frame: Frame) -> Incoming:
        if frame.data is None:
            return dead_letter(frame, self._config_id, frame.kind, "消息内容不是 JSON 对象，无法解析。")
        try:
            item = NORMALISE[frame.kind](frame, self._config_id)
        except Exception as error:
            # Not acknowledged, it would come again and again and fail each time.
            reason = f"消息的内容不像是钉钉发来的，无法解析（{type(error).__name__}）。"
            return dead_letter(frame, self._config_id, frame.kind, reason)
        reason = unstorable(item, frame.raw) or ("" if item.external_id else "消息没有任何标识。")
        return dead_letter(frame, self._config_id, frame.kind, reason) if reason else item

    def _fields(self, item: Incoming) -> dict[str, object]:
        return {
            "config": self._config_id,
            "conversation": ascii(item.conversation_id)[1:-1],
            "message_id": ascii(item.external_id)[1:-1],
        }
