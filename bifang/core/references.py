"""Secrets given by reference: ``env:NAME`` and ``file:PATH`` instead of the value itself."""

import os
import stat
from pathlib import Path

from django.conf import settings

from bifang.core.errors import SecretError
from bifang.core.redaction import remember_secret

ALLOWED_ENV = ("DASHSCOPE_API_KEY",)
ALLOWED_ENV_PREFIX = "BIFANG_SECRET_"
LARGEST = 16 * 1024


def is_reference(value: str) -> bool:
    """Is this a reference rather than the secret itself?"""
    return value.startswith(("env:", "file:"))


def resolve(value: str) -> str:
    """The secret itself. Raises SecretError with the remedy."""
    if value.startswith("env:"):
        secret = _from_environment(value[4:].strip())
    elif value.startswith("file:"):
        secret = _from_file(Path(value[5:].strip()))
    else:
        secret = value
    remember_secret(secret)
    return secret


def check_reference(value: str) -> None:
    """Refuse a reference that may never be read; whether it can be read now is another question."""
    if value.startswith("env:"):
        _allowed_name(value[4:].strip())
    elif value.startswith("file:"):
        _allowed_path(Path(value[5:].strip()))


def _allowed_name(name: str) -> str:
    if name in ALLOWED_ENV or name.startswith(ALLOWED_ENV_PREFIX):
        return name
    raise SecretError(
        f"不允许引用环境变量 {name}：只能引用 {ALLOWED_ENV_PREFIX}* 或 {'、'.join(ALLOWED_ENV)}。"
    )


def _from_environment(name: str) -> str:
    value = os.environ.get(_allowed_name(name), "").strip()
    if not value:
        raise SecretError(f"环境变量 {name} 没有设置或为空；请在启动 Bifang 的环境中设置它。")
    return value


def _allowed_path(path: Path) -> Path:
    root: Path = settings.SECRETS_DIR
    real = path.resolve() if path.is_absolute() else (root / path).resolve()
    if not real.is_relative_to(root.resolve()):
        raise SecretError(f"不允许读取 {path}：密钥文件只能放在 {root} 之下（BIFANG_SECRETS_DIR）。")
    return real


def _from_file(path: Path) -> str:
    real = _allowed_path(path)
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SecretError(f"密钥文件 {path} 不是普通文件。")
            value = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(
            f"读不到密钥文件 {path}：{error.strerror}。请检查文件是否存在、运行用户是否有读权限。"
        ) from None
    return _decode(path, value)


def _decode(path: Path, value: bytes) -> str:
    if len(value) > LARGEST:
        raise SecretError(f"密钥文件 {path} 超过 {LARGEST // 1024} KB，请确认路径没有写错。")
    try:
        text = value.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise SecretError(f"密钥文件 {path} 不是文本文件。") from None
    if not text:
        raise SecretError(f"密钥文件 {path} 是空的。")
    return text
