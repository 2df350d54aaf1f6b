"""登录失败: who got a password wrong from where; removing an entry opens the door to them again."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, ago, badge, cell, column, moment, shortened
from bifang.core.models import LoginFailure


@admin.register(LoginFailure)
class LoginScreen(RecordScreen):
    """Entries go by themselves when their time is over; superusers remove one at once."""

    purpose = "谁从哪里输错了密码。一个门只对「这个用户名 + 这个地址」关上，时间到了自己打开；超级管理员删除这一行，就立即打开。"
    when_empty = "没有人输错过密码，或记录已过期：一切正常。"
    list_display = ("name", "address", "failures", "state", "last", "client")
    fields = ("name", "address", "failures", "state", "moment_of", "browser")
    search_fields = ("=username", "=ip_address")
    search_help_text = "按用户名或 IP 地址搜索（完整匹配）"
    ordering = ("-attempt_time",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    name = cell("用户名", lambda row: row.username or NOTHING, ordering="username")

    address = cell("IP 地址", lambda row: row.ip_address or NOTHING, ordering="ip_address")

    failures = cell(
        "失败次数",
        lambda row: f"{row.failures_since_start} / {settings.AXES_FAILURE_LIMIT}",
        ordering="failures_since_start",
    )

    @admin.display(description="状态")
    def state(self, row: LoginFailure) -> SafeString:
        """Is this door closed now?"""
        if row.attempt_time < timezone.now() - settings.AXES_COOLOFF_TIME:
            return badge("已过期", "idle")
        if row.failures_since_start < settings.AXES_FAILURE_LIMIT:
            return badge("还可以试", "info")
        opens = timezone.localtime(row.attempt_time + settings.AXES_COOLOFF_TIME)
        return badge(f"已锁定到 {opens:%H:%M}", "bad")

    last = column("attempt_time", "最近一次", ago, ordering="attempt_time")
    moment_of = column("attempt_time", "最近一次", moment)

    client = cell("浏览器", lambda row: shortened(row.user_agent, 40))

    browser = cell("浏览器", lambda row: row.user_agent or NOTHING)
