"""Configurations in the hands of a running process: loaded once, looked at again every few seconds."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from bifang.core import configs, db
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig

FRESH_FOR = 2.0  # seconds until the revision is looked at again


@dataclass(slots=True)
class _Entry:
    revision: int
    value: Any
    looked_at: float


class ConfigCache:
    """One per event loop. A changed revision shows within `FRESH_FOR` seconds."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._loading: dict[int, asyncio.Task[Any]] = {}

    async def get(self, config_id: int) -> Any:
        """The kind's frozen dataclass. Raises ConfigError or SecretError."""
        entry = self._entries.get(config_id)
        if entry is not None and time.monotonic() - entry.looked_at < FRESH_FOR:
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
        known = self._entries.get(config_id)
        revision, value = await db.call(_read, config_id, known.revision if known else -1)
        if known is not None and revision == known.revision:
            value = known.value
        self._entries[config_id] = _Entry(revision, value, time.monotonic())
        return value


def _read(config_id: int, known_revision: int) -> tuple[int, Any]:
    config = SystemConfig.objects.filter(pk=config_id).first()
    if config is None:
        raise ConfigError(f"配置 {config_id} 不存在，可能已被删除。")
    if config.revision == known_revision:
        return config.revision, None
    return config.revision, configs.load(config)
