"""登录失败: who got a password wrong from where; removing an entry opens the door to them again."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, badge, moment
from bifang.core.models import LoginFailure


@admin.register(LoginFailure)
class LoginScreen(RecordScreen):
    """Entries go by themselves when their time is over; superusers remove one at once."""

    list_display = ("name", "address", "failures", "state", "last", "browser")
    fields = ("name", "address", "failures", "state", "last", "browser")
    search_fields = ("=username", "=ip_address")
    search_help_text = "按用户名或 IP 地址搜索（完整匹配）"
    ordering = ("-attempt_time",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    @admin.display(description="用户名", ordering="username")
    def name(self, row: LoginFailure) -> str:
        """What was typed."""
        return row.username or NOTHING

    @admin.display(description="IP 地址", ordering="ip_address")
    def address(self, row: LoginFailure) -> str:
        """Where it came from; IPv6 by its network."""
        return row.ip_address or NOTHING

    @admin.display(description="失败次数", ordering="failures_since_start")
    def failures(self, row: LoginFailure) -> int:
        """Since the last success."""
        return int(row.failures_since_start)

    @admin.display(description="状态")
    def state(self, row: LoginFailure) -> SafeString:
        """Is this door closed now?"""
        if row.attempt_time < timezone.now() - settings.AXES_COOLOFF_TIME:
            return badge("已过期", "idle")
        closed = row.failures_since_start >= settings.AXES_FAILURE_LIMIT
        return badge("已锁定", "bad") if closed else badge("计数中", "warn")

    @admin.display(description="最近一次", ordering="attempt_time")
    def last(self, row: LoginFailure) -> SafeString | str:
        """The last failure."""
        return moment(row.attempt_time)

    @admin.display(description="浏览器")
    def browser(self, row: LoginFailure) -> str:
        """What it says of itself."""
        return row.user_agent or NOTHING
