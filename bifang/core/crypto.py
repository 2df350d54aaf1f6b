"""The keyring that seals secrets at rest. No Django here.

Keys are Fernet keys (32 bytes, urlsafe base64). The first one seals; every one opens, so that keys can be
rotated while the system runs.
"""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bifang.core.errors import SecretError

UNREADABLE = "密文无法解密：加密密钥与保存时的不一致。请恢复原来的密钥（BIFANG_ENCRYPTION_KEY 或数据目录中的 encryption.key），或重新填写该密钥字段。"


class Keyring:
    """Seals JSON values and opens them again."""

    def __init__(self, keys: list[str]) -> None:
        if not keys:
            raise SecretError(
                "没有加密密钥。请设置 BIFANG_ENCRYPTION_KEY，或删除空的 encryption.key 让系统重新生成。"
            )
        try:
            self._fernets = [Fernet(key.encode()) for key in keys]
        except ValueError:
            raise SecretError(
                "加密密钥格式不对：应为 32 字节的 urlsafe base64（44 个字符），多个密钥用逗号分隔。"
            ) from None
        self._all = MultiFernet(self._fernets)

    def seal(self, value: Any) -> str:
        """JSON value → ciphertext (ASCII)."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self._fernets[0].encrypt(text.encode("utf-8", "surrogatepass")).decode()

    def open(self, token: str) -> Any:
        """Ciphertext → JSON value. Raises SecretError."""
        try:
            return json.loads(self._all.decrypt(token.encode()).decode("utf-8", "surrogatepass"))
        except (InvalidToken, ValueError):
            raise SecretError(UNREADABLE) from None

    def is_current(self, token: str) -> bool:
        """Was this sealed with the first key?"""
        try:
            self._fernets[0].decrypt(token.encode())
        except InvalidToken:
            return False
        return True


def generate_key() -> str:
    """A new Fernet key."""
    return Fernet.generate_key().decode()


def split_keys(text: str) -> list[str]:
    """Keys separated by commas, spaces or lines."""
    return text.replace(",", " ").split()
