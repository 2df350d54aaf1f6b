"""DingTalk's side of the HTTP callbacks, for tests: it signs and encrypts as the product's own code is not asked to."""

import base64
import hashlib
import hmac
import json
import os
import time
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.http import HttpResponse
from django.test import Client

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from dingtalk_integration.config import DingTalkSettings

SECRET = "s" * 20


def in_http_mode(name: str = "回调", **values: Any) -> SystemConfig:
    """A configuration that DingTalk calls."""
    given = {
        "client_id": f"ding{name}", "client_secret": SECRET, "use_stream_push": False, "corp_id": "corp", **values,
    }  # fmt: skip
    return configs.save("dingtalk", name, given.pop("enabled", True), given)[0]


def now() -> str:
    return str(int(time.time() * 1000))


def sign(secret: str, stamp: str) -> str:
    mac = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


class Caller:
    """DingTalk, calling one configuration through a Django client."""

    def __init__(self, config: SystemConfig) -> None:
        self.settings: DingTalkSettings = configs.load(config)
        self.client = Client(raise_request_exception=False)

    def path(self, door: str) -> str:
        return f"/dingtalk/{self.settings.id}-{self.settings.callback_path}/{door}"

    def post(self, door: str, body: bytes, query: str = "", **headers: str) -> HttpResponse:
        address = self.path(door) + query
        return self.client.post(address, body, content_type="application/json", headers=headers)  # type: ignore[return-value]

    def say(
        self, text: str, msg_id: str = "m1", stamp: str = "", sign_as: str = SECRET, **fields: Any
    ) -> HttpResponse:
        """A robot message of somebody in a private chat."""
        stamp = stamp or now()
        data = {
            "msgId": msg_id, "msgtype": "text", "text": {"content": text}, "conversationId": "cid1",
            "conversationType": "1", "senderStaffId": "lisi", "senderNick": "李四", "senderCorpId": "corp",
            "chatbotCorpId": "corp", "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=x",
            "sessionWebhookExpiredTime": int(time.time() * 1000) + 5_400_000, **fields,
        }  # fmt: skip
        return self.post("robot", json.dumps(data).encode(), timestamp=stamp, sign=sign(sign_as, stamp))

    def tell(
        self, event: dict[str, Any] | str, owner: str = "", token: str = "", stamp: str = ""
    ) -> HttpResponse:
        """An event, encrypted."""
        text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        stamp, nonce = stamp or now(), "nonce1"
        sealed = self.seal(text, owner or self.settings.client_id)
        signed = self.signature(token or self.settings.callback_token, stamp, nonce, sealed)
        query = f"?signature={signed}&timestamp={stamp}&nonce={nonce}"
        return self.post("events", json.dumps({"encrypt": sealed}).encode(), query)

    @staticmethod
    def signature(*parts: str) -> str:
        return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()

    def _cipher(self) -> Cipher[modes.CBC]:
        key = base64.b64decode(self.settings.callback_aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def seal(self, text: str, owner: str) -> str:
        message = text.encode()
        body = os.urandom(16) + len(message).to_bytes(4, "big") + message + owner.encode()
        room = 32 - len(body) % 32
        sealer = self._cipher().encryptor()
        return base64.b64encode(sealer.update(body + bytes([room]) * room) + sealer.finalize()).decode()

    def opened(self, answer: HttpResponse) -> str:
        """The text of an encrypted answer, its signature verified."""
        given = json.loads(answer.content)
        parts = (self.settings.callback_token, given["timeStamp"], given["nonce"], given["encrypt"])
        assert given["msg_signature"] == self.signature(*parts)
        opener = self._cipher().decryptor()
        plain = opener.update(base64.b64decode(given["encrypt"])) + opener.finalize()
        size = int.from_bytes(plain[16:20], "big")
        assert plain[20 + size : -plain[-1]].decode() == self.settings.client_id
        return plain[20 : 20 + size].decode()
