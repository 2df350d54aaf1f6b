"""How DingTalk signs and encrypts its HTTP callbacks; written from the fact sheet, apart from the product's own code."""

import base64
import hashlib
import hmac
import json
import os
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulators.values import dump

from .deliveries import Push


def robot_sign(secret: str, stamp: str) -> str:
    """Of a robot message."""
    return _mac(secret, f"{stamp}\n{secret}")


def card_sign(secret: str, stamp: str) -> str:
    """Of a card callback."""
    return _mac(secret, stamp)


def _mac(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def event_sign(token: str, stamp: str, nonce: str, sealed: str) -> str:
    """Of an event, and of the answer to one."""
    parts = "".join(sorted([token, stamp, nonce, sealed]))
    return hashlib.sha1(parts.encode(), usedforsecurity=False).hexdigest()


def event_text(push: Push) -> str:
    """Stream's event as HTTP spells it: PascalCase, and the headers among the fields."""
    data = {f"{name[:1].upper()}{name[1:]}": value for name, value in json.loads(push.data).items()}
    extra = push.extra
    own = {
        "EventType": extra["eventType"],
        "EventId": push.external_id,
        "CorpId": extra.get("eventCorpId", ""),
    }
    return dump({"TimeStamp": extra.get("eventBornTime", ""), **data, **own})


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def seal(aes_key: str, text: str, owner: str) -> str:
    """Encrypted, in base64."""
    message = text.encode()
    body = os.urandom(16) + len(message).to_bytes(4, "big") + message + owner.encode()
    room = 32 - len(body) % 32
    sealer = _cipher(aes_key).encryptor()
    return base64.b64encode(sealer.update(body + bytes([room]) * room) + sealer.finalize()).decode()


def is_success(token: str, aes_key: str, owner: str, answer: Any) -> bool:
    """Is this the encrypted, signed ``success``?"""
    try:
        sealed = answer["encrypt"]
        if answer["msg_signature"] != event_sign(token, answer["timeStamp"], answer["nonce"], sealed):
            return False
        opener = _cipher(aes_key).decryptor()
        plain = opener.update(base64.b64decode(sealed)) + opener.finalize()
        size = int.from_bytes(plain[16:20], "big")
        return plain[20 : 20 + size] == b"success" and plain[20 + size : -plain[-1]] == owner.encode()
    except (KeyError, TypeError, ValueError, IndexError):
        return False
