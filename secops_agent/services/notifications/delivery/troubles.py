"""Troubles of the house: administrators hear of what stops working by another way than the one that is broken.

Each once a day: a configuration whose credentials are refused or that was parked, an outbox that grows, a disk that
fills, a certificate near its end. Robots that are not connected, and programs that do not run, are `outages`.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from django.db import transaction
from django.db.models import Count

from bifang.channels.models import OPEN, OutboxRow
from bifang.channels.text.markup import plain
from bifang.channels.workers.connection_health import robot_connections
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.disk import check_disk
from bifang.env import text
from secops_agent.services import links
from secops_agent.services.chats import label_of
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.notifications.delivery.outages import GRACE, Notice, tell_robot, ways_of

log = logging.getLogger(__name__)
STUCK: Final = timedelta(minutes=10)
MANY_STUCK: Final = 20
SOON: Final = timedelta(days=14)
CERTIFICATES: Final = ("BIFANG_SYSLOG_TLS_CERT",)  # what Bifang itself serves with


@dataclass(frozen=True, slots=True)
class HouseTrouble:
    """``key`` names it; ``config_id``: through which nothing is told of it."""

    key: str
    head: str
    why: str
    remedy: str
    config_id: int | None = None


def step() -> int:
    """Tell of each that nobody was told of today; how many messages. Raises DatabaseError."""
    now, count = database_now(), 0
    found = list(_found(now))
    ways = ways_of(robot_connections()) if found else set()
    for each in found:
        key = f"trouble:{each.key}:{now:%Y%m%d}"
        if OutboxRow.objects.filter(key__startswith=f"note:{key}:").exists():
            continue
        body = f"**{each.head}**\n\n- 原因：{plain(each.why, 300)}\n- 怎么办：{each.remedy}"
        notice = Notice(key, each.head, body)
        log.error("%s：%s", each.head, each.why)
        with transaction.atomic():
            others = ways - {each.config_id}
            count += administrators.tell_through(others, notice.title, notice.text, key=key) or tell_robot(
                notice
            )
    return count


def _found(now: datetime) -> Iterator[HouseTrouble]:
    yield from _configurations(now)
    yield from _outboxes(now)
    yield from _disk()
    yield from _certificates(now)


def _configurations(now: datetime) -> Iterator[HouseTrouble]:
    """What a chat configuration says of its own connection is told by `outages`."""
    chats = {row.pk for row in SystemConfig.objects.chats()}
    rows = SystemConfig.objects.current().filter(enabled=True, last_error_at__lt=now - GRACE)
    for row in rows.exclude(last_error="").exclude(pk__in=chats).order_by("pk"):
        page = links.named(f"系统配置（ID {row.pk}）", links.record("systemconfig", row.pk))
        yield HouseTrouble(
            f"config:{row.pk}", f"{label_of(row)}配置「{plain(row.name, 60)}」不能用了", row.last_error,
            f"打开{page}点「测试连接」，按提示改正后保存",
        )  # fmt: skip


def _outboxes(now: datetime) -> Iterator[HouseTrouble]:
    rows = OutboxRow.objects.filter(state__in=OPEN, created_at__lt=now - STUCK).order_by()
    for pk, name, stuck in rows.values_list("config", "config__name").annotate(many=Count("pk")):
        if stuck >= MANY_STUCK:
            yield HouseTrouble(
                f"outbox:{pk}", f"发件箱积压：{plain(name, 60)}", f"{stuck} 条消息 10 分钟以上没有发出去",
                f"打开{links.named('发件箱', links.listing('outboxrow'))}看原因；看推送服务是否在运行", pk,
            )  # fmt: skip


def _disk() -> Iterator[HouseTrouble]:
    try:
        check_disk()
    except BifangError as error:
        yield HouseTrouble(
            "disk", "毕方的磁盘快满了", error.message, "清理磁盘或扩容，见 docs/operations.md「保留多久」"
        )


def _certificates(now: datetime) -> Iterator[HouseTrouble]:
    for name in CERTIFICATES:
        path = text(name)
        ends = _end_of(Path(path)) if path else None
        if ends is not None and ends - now < SOON:
            why = f"{path} 有效期至 {ends:%Y-%m-%d}"
            yield HouseTrouble(
                f"certificate:{name}", "证书快到期了", why, "换上新的证书后重新启动 listen_syslog"
            )


def _end_of(path: Path) -> datetime | None:
    """None for what cannot be read: whoever serves with it says so."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.astimezone(UTC)
    except (OSError, ValueError):
        return None
