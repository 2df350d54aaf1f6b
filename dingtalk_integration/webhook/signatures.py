"""Signatures and encryption of DingTalk's three HTTP callbacks (facts: dingtalk_webhook §1 to §3). No Django.

Everything that is wrong with a callback is the one `Refused`: whoever forges learns nothing from the difference.
"""

import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

WINDOW_MS: Final = 3_600_000  # either way, as DingTalk says for robots; the two others name no limit
BLOCK: Final = 32  # of the padding, not of AES
_RANDOM: Final = 16
_MOST: Final = 1 << 20


class Refused(Exception):
    """Not from DingTalk, or not for us."""


def robot_signature(secret: str, timestamp: str) -> str:
    """Header ``sign`` of a robot message. It does not cover the body."""
    return _hmac(secret, f"{timestamp}\n{secret}")


def card_signature(secret: str, timestamp: str) -> str:
    """Header ``x-ddpaas-signature`` of a card callback. It does not cover the body."""
    return _hmac(secret, timestamp)


def check(expected: str, given: str, timestamp: str, now_ms: float | None = None) -> None:
    """Raises Refused for another signature, or one of another hour. ``timestamp``: milliseconds, decimal."""
    now = time.time() * 1000 if now_ms is None else now_ms
    known = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16
    fresh = known and abs(now - int(timestamp)) <= WINDOW_MS
    if not (hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")) and fresh):
        raise Refused


def _hmac(secret: str, message: str) -> str:
    digest = hmac.new(secret.encode(), message.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class EventCrypto:
    """The encryption of events: AES-256-CBC under a signature.

    ``aes_key``: the 43 characters of EncodingAESKey. ``owners``: what may stand behind the text, the first is written
    into answers.
    """

    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    owners: tuple[str, ...]
    random: Callable[[int], bytes] = os.urandom

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """Hex."""
        parts = "".join(sorted([self.token, timestamp, nonce, encrypted]))
        return hashlib.sha1(parts.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

    def open(self, query: Mapping[str, str], encrypted: str, now_ms: float | None = None) -> str:
        """The text of a callback. Raises Refused."""
        given = query.get("msg_signature") or query.get("signature") or ""
        timestamp = query.get("timestamp", "")
        check(self.signature(timestamp, query.get("nonce", ""), encrypted), given, timestamp, now_ms)
        return self.decrypt(encrypted)

    def seal(self, text: str, timestamp: str, nonce: str) -> dict[str, str]:
        """The answer's body: the text, encrypted and signed."""
        encrypted = self.encrypt(text)
        signed = self.signature(timestamp, nonce, encrypted)
        return {"msg_signature": signed, "timeStamp": timestamp, "nonce": nonce, "encrypt": encrypted}

    def encrypt(self, text: str) -> str:
        """Base64 of the sealed text."""
        message = text.encode()
        body = self.random(_RANDOM) + len(message).to_bytes(4, "big") + message + self.owners[0].encode()
        room = BLOCK - len(body) % BLOCK
        sealer = self._cipher().encryptor()
        return base64.b64encode(sealer.update(body + bytes([room]) * room) + sealer.finalize()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text. Raises Refused for whatever is wrong with it."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            opener = self._cipher().decryptor()
            return _unpack(opener.update(sealed) + opener.finalize(), self.owners)
        except (ValueError, binascii.Error, IndexError):
            raise Refused from None

    def _cipher(self) -> Cipher[modes.CBC]:
        key = base64.b64decode(f"{self.aes_key}=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def _unpack(padded: bytes, owners: Collection[str]) -> str:
    room = padded[-1]
    if not 1 <= room <= BLOCK or padded[-room:] != bytes([room]) * room:
        raise ValueError("padding")
    body = padded[_RANDOM:-room]
    size = int.from_bytes(body[:4], "big")
    if size > min(_MOST, len(body) - 4) or body[4 + size :].decode() not in owners:
        raise ValueError("owner")
    return body[4 : 4 + size].decode()
