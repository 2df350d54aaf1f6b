"""Secrets given by reference: ``env:NAME`` and ``file:PATH`` instead of the value itself.

What Bifang reads for itself is never a valid reference: its own keys and passwords would leave with the next request
to an address that a configuration names.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from bifang.core.errors import SecretError
from bifang.core.secrets.redaction import remember_secret

ALLOWED_ENV, ALLOWED_ENV_PREFIX = "DASHSCOPE_API_KEY", "BIFANG_SECRET_"
LARGEST = 16 * 1024
Identity = tuple[int, int, int, int]


def is_reference(value: str) -> bool:
    """Is this a reference rather than the secret itself?"""
    return value.startswith(("env:", "file:"))


def resolve(value: str) -> str:
    """The secret itself. Raises SecretError with the remedy."""
    check_reference(value)
    secret = value
    if value.startswith("env:"):
        secret = _from_environment(value[4:].strip())
    elif value.startswith("file:"):
        secret = _from_file(value[5:].strip())
    remember_secret(secret)
    return secret


def check_reference(value: str) -> None:
    """Refuse a reference that may never be read; whether it can be read now is another question."""
    if value.startswith("env:"):
        _check_name(value[4:].strip())
    elif value.startswith("file:"):
        _check_path(value[5:].strip())


def identity(value: str) -> Identity | None:
    """Changes when the file behind a reference is another one or was written; None: no file, or none there."""
    try:
        status = os.stat(_real(value[5:].strip())) if value.startswith("file:") else None
    except (OSError, ValueError):
        return None
    return status and (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _check_name(name: str) -> None:
    if name.endswith("_FILE") or not (name == ALLOWED_ENV or name.startswith(ALLOWED_ENV_PREFIX)):
        raise SecretError(f"不允许引用环境变量 {name}：只能引用 {ALLOWED_ENV_PREFIX}* 或 {ALLOWED_ENV}。")


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise SecretError(f"环境变量 {name} 没有设置或为空；请在启动 Bifang 的环境中设置它。")
    return value


def _real(path: str) -> Path:
    """Links resolved; relative paths are below the directory of secrets. Raises OSError, ValueError."""
    return (settings.SECRETS_DIR / path).resolve()


def _check_path(path: str) -> None:
    root: Path = settings.SECRETS_DIR
    try:
        real = _real(path)
    except (OSError, ValueError):
        raise SecretError(f"密钥文件的路径 {path} 不正确。") from None
    if not real.is_relative_to(root.resolve()):
        raise SecretError(f"不允许读取 {path}：密钥文件只能放在 {root} 之下（BIFANG_SECRETS_DIR）。")
    if real.is_relative_to(settings.DATA_DIR.resolve()) or any(_same(real, own) for own in _own_files()):
        raise SecretError(
            f"不允许引用 {path}：这个文件是 Bifang 自己使用的（数据目录，或某个 *_FILE 环境变量所指）。"
            "请为这份配置单独放一个文件。"
        )


def _own_files() -> Iterator[Path]:
    yield from (Path(value) for name, value in os.environ.items() if name.endswith("_FILE") and value)
    if settings.DATA_DIR.is_dir():
        yield from settings.DATA_DIR.iterdir()


def _same(one: Path, other: Path) -> bool:
    """One file under whatever names: links of both sorts are seen through."""
    try:
        return one == other.resolve() or one.samefile(other)
    except (OSError, ValueError):
        return False


def _from_file(path: str) -> str:
    try:
        descriptor = os.open(_real(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SecretError(f"密钥文件 {path} 不是普通文件。")
            text = file.read(LARGEST + 1).decode("utf-8-sig").strip()
    except OSError as error:
        remedy = "请检查文件是否存在、运行用户是否有读权限。"
        raise SecretError(f"读不到密钥文件 {path}：{error.strerror}。{remedy}") from None
    except UnicodeDecodeError:
        raise SecretError(f"密钥文件 {path} 不是文本文件。") from None
    if not text or len(text.encode()) > LARGEST:
        raise SecretError(f"密钥文件 {path} 是空的，或超过 {LARGEST // 1024} KB：请确认路径没有写错。")
    return text
