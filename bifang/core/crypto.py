"""The keyring that seals secrets at rest. No Django here.

Keys are 32 bytes in urlsafe base64, as `cryptography` generates them for Fernet. The first one seals; every one
opens, so that keys can be rotated while the system runs. Values are sealed with AES-256-GCM: every message brings
a webhook to seal, and Fernet takes four times as long. What Fernet sealed earlier is opened, too.
"""

import base64
import json
import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bifang.core.errors import SecretError

UNREADABLE = "密文无法解密：加密密钥与保存时的不一致。请恢复原来的密钥（BIFANG_ENCRYPTION_KEY 或数据目录中的 encryption.key），或重新填写该密钥字段。"
_GCM: Final = "2."  # before a token; Fernet's begin with gAAAA
_NONCE: Final = 12


class _Key:
    def __init__(self, text: str) -> None:
        self._fernet = Fernet(text.encode())
        derive = HKDF(SHA256(), 32, salt=None, info=b"bifang seal 2")
        self._gcm = AESGCM(derive.derive(base64.urlsafe_b64decode(text)))

    def seal(self, plain: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE)
        return _GCM + base64.urlsafe_b64encode(nonce + self._gcm.encrypt(nonce, plain, None)).decode()

    def open(self, token: str) -> bytes:
        """Raises InvalidToken, InvalidTag, ValueError."""
        if not token.startswith(_GCM):
            return self._fernet.decrypt(token.encode())
        sealed = base64.b64decode(token[len(_GCM) :].encode(), altchars=b"-_", validate=True)
        return self._gcm.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)


_UNOPENED: Final = (InvalidToken, InvalidTag, ValueError)


class Keyring:
    """Seals JSON values and opens them again."""

    def __init__(self, keys: list[str]) -> None:
        if not keys:
            raise SecretError(
                "没有加密密钥。请设置 BIFANG_ENCRYPTION_KEY，或删除空的 encryption.key 让系统重新生成。"
            )
        try:
            self._keys = [_Key(key) for key in keys]
        except ValueError:
            raise SecretError(
                "加密密钥格式不对：应为 32 字节的 urlsafe base64（44 个字符），多个密钥用逗号分隔。"
            ) from None

    def seal(self, value: Any) -> str:
        """JSON value → ciphertext (ASCII)."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self._keys[0].seal(text.encode("utf-8", "surrogatepass"))

    def open(self, token: str) -> Any:
        """Ciphertext → JSON value. Raises SecretError."""
        for key in self._keys:
            try:
                return json.loads(key.open(token).decode("utf-8", "surrogatepass"))
            except _UNOPENED:
                continue
        raise SecretError(UNREADABLE)

    def is_current(self, token: str) -> bool:
        """Was this sealed with the first key?"""
        try:
            self._keys[0].open(token)
        except _UNOPENED:
            return False
        return True


def generate_key() -> str:
    """A new key."""
    return Fernet.generate_key().decode()


def split_keys(text: str) -> list[str]:
    """Keys separated by commas, spaces or lines."""
    return text.replace(",", " ").split()
