"""The keyring that seals secrets at rest. No Django here.

Keys are 32 bytes in urlsafe base64, as `cryptography` generates them for Fernet. The first one seals; every one
opens, so that keys can be rotated while the system runs. Values are sealed with AES-256-GCM: every message brings
a webhook to seal, and Fernet takes four times as long.

A seal is bound to its place (table, column and row): carried to another one, it does not open.
"""

import base64
import json
import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bifang.core.errors import SecretError

UNREADABLE = "密文无法解密：加密密钥与保存时的不一致。请恢复原来的密钥（BIFANG_ENCRYPTION_KEY 或数据目录中的 encryption.key），或重新填写该密钥字段。"
_BOUND: Final = "3."  # before a token
_NONCE: Final = 12
_KEY_BYTES: Final = 32


class _Key:
    def __init__(self, text: str) -> None:
        secret = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        if len(secret) != _KEY_BYTES:
            raise ValueError("no key")
        derive = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"bifang seal 2")
        self._gcm = AESGCM(derive.derive(secret))

    def seal(self, plain: bytes, place: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE)
        return _BOUND + base64.urlsafe_b64encode(nonce + self._gcm.encrypt(nonce, plain, place)).decode()

    def open(self, token: str, place: bytes) -> bytes:
        """Raises InvalidTag, ValueError."""
        if not token.startswith(_BOUND):
            raise ValueError("no token of ours")
        sealed = base64.b64decode(token[len(_BOUND) :].encode(), altchars=b"-_", validate=True)
        return self._gcm.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)


_UNOPENED: Final = (InvalidTag, ValueError)


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

    def seal(self, value: Any, place: str) -> str:
        """JSON value → ciphertext (ASCII) that opens at ``place`` only."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self._keys[0].seal(_bytes(text), _bytes(place))

    def open(self, token: str, place: str) -> Any:
        """Ciphertext → JSON value. Raises SecretError."""
        for key in self._keys:
            try:
                return json.loads(key.open(token, _bytes(place)).decode("utf-8", "surrogatepass"))
            except _UNOPENED:
                continue
        raise SecretError(UNREADABLE)

    def is_current(self, token: str, place: str) -> bool:
        """Was this sealed for this place with the first key?"""
        try:
            self._keys[0].open(token, _bytes(place))
        except _UNOPENED:
            return False
        return True


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def generate_key() -> str:
    """A new key."""
    return Fernet.generate_key().decode()


def split_keys(text: str) -> list[str]:
    """Keys separated by commas, spaces or lines."""
    return text.replace(",", " ").split()
