"""Where the keys come from: the environment, else the generated file in the data directory."""

import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from bifang.core.errors import ConfigError, SecretError
from bifang.core.secrets.crypto import Keyring, generate_key, split_keys
from bifang.env import unreadable


@lru_cache(maxsize=4)
def _keyring(text: str) -> Keyring:
    return Keyring(split_keys(text))


def keyring() -> Keyring:
    """The keyring in force; a rotated key file is picked up by running processes."""
    if settings.ENCRYPTION_KEYS:
        return _keyring(settings.ENCRYPTION_KEYS)
    return _keyring(_read_file(settings.ENCRYPTION_KEY_FILE, _stamp(settings.ENCRYPTION_KEY_FILE)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise SecretError(unreadable(path, error)) from None
    return status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=4)
def _read_file(path: Path, stamp: tuple[int, int]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretError(unreadable(path, error)) from None


def write_key_file(keys: list[str]) -> None:
    """Replace the key file in one step, mode 0600, first key first."""
    path: Path = settings.ENCRYPTION_KEY_FILE
    draft = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None


def add_new_key() -> None:
    """Put a new key in front of the file's keys; the old ones still open what they sealed."""
    path: Path = settings.ENCRYPTION_KEY_FILE
    write_key_file([generate_key(), *split_keys(_read_file(path, _stamp(path)))])


def drop_old_keys() -> None:
    """Keep only the first key."""
    path: Path = settings.ENCRYPTION_KEY_FILE
    write_key_file(split_keys(_read_file(path, _stamp(path)))[:1])
