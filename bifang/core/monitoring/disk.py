"""Free disk space: seen before it is gone, and kept for what must be written.

What comes in is refused while the database can still be written; answers, retention and the audit trail go on. Of a
PostgreSQL on another machine nothing is known here.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.core.errors import ConfigError
from bifang.core.monitoring.failures import DiskAlmostFull
from bifang.core.monitoring.health import HealthCheck

_MB: Final = 1 << 20


def free_bytes() -> dict[str, int]:
    """What is left where the data and the logs are; a place that cannot be looked at is left out."""
    found = {}
    for name, path in (("data", settings.DATA_DIR), ("logs", settings.LOG_DIR)):
        try:
            found[name] = shutil.disk_usage(path).free
        except OSError:
            continue
    return found


def require_room() -> None:
    """Raises DiskAlmostFull if less than `BIFANG_DISK_MIN_MB` is left where the data are."""
    free = free_bytes().get("data")
    if free is not None and free < settings.DISK_MIN_MB * _MB:
        raise DiskAlmostFull(f"磁盘快满了（{_place('data', free)}），暂停接收：{_REMEDY}")


def check_disk() -> str:
    """At least twice as much as `require_room` wants. Raises ConfigError."""
    free = free_bytes()
    short = [_place(name, left) for name, left in free.items() if left < 2 * settings.DISK_MIN_MB * _MB]
    if short:
        raise ConfigError(
            f"磁盘快满了：{'；'.join(short)}。不到 {settings.DISK_MIN_MB} MB 时暂停接收告警：{_REMEDY}"
        )
    return "；".join(_place(name, left) for name, left in free.items()) or "看不到"


def _place(name: str, free: int) -> str:
    path: Path = settings.DATA_DIR if name == "data" else settings.LOG_DIR
    return f"{path} 还剩 {free // _MB:,} MB"


_REMEDY: Final = "请清理磁盘或扩容；清理旧数据见 docs/operations.md「保留多久」。"
CHECK: Final = HealthCheck(
    "disk",
    "磁盘空间",
    check_disk,
    "磁盘快满了：请在服务器上执行 python manage.py healthcheck 查看。",
    advisory=True,
)


def collect_disk() -> Iterable[Metric]:
    """Free bytes, and below how many nothing more is taken in."""
    free = GaugeMetricFamily("bifang_disk_free_bytes", "Free disk space, by place.", labels=["place"])
    for name, left in free_bytes().items():
        free.add_metric([name], left)
    least = GaugeMetricFamily(
        "bifang_disk_min_bytes", "Below this much free space nothing more is taken in.", value=settings.DISK_MIN_MB * _MB
    )  # fmt: skip
    yield from (free, least)
