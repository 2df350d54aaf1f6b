"""Syslog 拒收: what could not be read, and the card of 工作台."""

import base64
import binascii

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from bifang.core.admin.base import RecordScreen, cell, column, moment, preformatted, shortened
from bifang.core.admin.panels import CARDS, Panel
from secops_agent.models import SyslogRejection
from secops_agent.syslog import standing


@admin.register(SyslogRejection)
class SyslogRejectionScreen(RecordScreen):
    """The bytes as they came, so that the sender can be mended."""

    purpose = "读不懂的行：编码不对、格式不对、内容损坏。每个来源保留最近 200 条，每条的前 8 KiB。"
    when_empty = "没有被拒收的行。"
    way = ("secops_agent.syslogsource", "Syslog 来源")
    list_display = ("at_time", "source", "peer", "reason", "size", "beginning")
    list_filter = ("source",)
    list_select_related = ("source",)
    search_fields = ("=peer", "reason")
    fields = ("source", "peer", "at_time", "reason", "size", "as_text", "data")

    at_time = column("at", "收到时间", moment, ordering="at")

    beginning = cell("开头", lambda row: shortened(_shown(row.data)[:200], 60))

    as_text = cell("内容", lambda row: preformatted(_shown(row.data)))


def syslog_cards(request: HttpRequest) -> list[Panel]:
    """Does it come in? Nothing where nobody uses syslog."""
    if not request.user.has_perm("secops_agent.view_syslogsource"):
        return []
    now = standing.read_standing()
    if not now.sources:
        return []
    page = reverse("admin:secops_agent_syslogsource_changelist")
    if not now.listeners:
        return [Panel("Syslog", "未运行", "有来源，没有接收进程：启动 listen_syslog", "bad", "input", page)]
    note = f"近一小时丢弃过：{'、'.join(now.dropping[:3])}" if now.dropping else f"{now.sources} 个来源"
    return [Panel("Syslog", f"{now.per_minute}/分", note, "warn" if now.dropping else "ok", "input", page)]


def _shown(data: str) -> str:
    try:
        raw = base64.b64decode(data)
    except (ValueError, binascii.Error):
        return data
    return "".join(chr(byte) if 32 <= byte < 127 or byte == 10 else f"\\x{byte:02x}" for byte in raw)


CARDS.add(syslog_cards, place=18)
