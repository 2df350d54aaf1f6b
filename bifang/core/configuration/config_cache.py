"""Configurations in the hands of a running process: loaded once, looked at again every few seconds."""

import asyncio
import time
from typing import Any, Final, NamedTuple

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig

FRESH_FOR: Final = 2.0  # seconds until the version is looked at again


class _Entry(NamedTuple):
    version: configs.Version
    value: Any
    looked_at: float


class ConfigCache:
    """One per event loop. A change shows within ``fresh_for`` seconds, also of a file that holds a secret."""

    def __init__(self, *, fresh_for: float = FRESH_FOR) -> None:
        self._fresh_for = fresh_for
        self._entries: dict[int, _Entry] = {}
        self._loading: dict[int, asyncio.Task[Any]] = {}

    async def get(self, config_id: int) -> Any:
        """The kind's frozen dataclass. Raises ConfigError or SecretError."""
        entry = self._entries.get(config_id)
        if entry is not None and time.monotonic() - entry.looked_at < self._fresh_for:
            return entry.value
        task = self._loading.get(config_id)
        if task is None:
            task = self._loading[config_id] = asyncio.create_task(self._load(config_id))
            task.add_done_callback(lambda _: self._loading.pop(config_id, None))
        return await asyncio.shield(task)

    def peek(self, config_id: int) -> Any | None:
        """What was last seen of a configuration, however old; None if it was never asked for."""
        entry = self._entries.get(config_id)
        return entry.value if entry is not None else None

    async def _load(self, config_id: int) -> Any:
        version, value = await db.call(_read, config_id, self._entries.get(config_id))
        self._entries[config_id] = _Entry(version, value, time.monotonic())
        return value


def _read(config_id: int, known: _Entry | None) -> tuple[configs.Version, Any]:
    config = SystemConfig.objects.filter(pk=config_id).first()
    if config is None:
        raise ConfigError(f"配置 {config_id} 不存在，可能已被删除。")
    version = configs.version_of(config)  # before its files are read: they may change meanwhile
    same = known is not None and version == known.version
    return version, known.value if known and same else configs.load(config)
