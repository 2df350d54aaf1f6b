"""What nothing can be made of: kept for people to look at."""

import hashlib
import json

from bifang.channels.ports import Incoming, Kind
from dingtalk_integration.stream.frames import Frame


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
