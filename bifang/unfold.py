"""The look and the menu of the admin."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A menu entry for those who may see the model ("app.model").

    It leads to the page named ``page``, one of our own, or else to the model's list in the admin.
    """

    title: str
    icon: str
    model: str
    badge: str = ""  # dotted name of a function of the request; what it returns stands beside the title
    page: str = ""  # name of an address
    thumb: bool = False  # stands at the bottom of a phone, too


MENU: tuple[tuple[str, tuple[MenuEntry, ...]], ...] = (
    (
        "安全运营",
        (
            MenuEntry(
                "告警处置", "notifications_active", "secops_agent.alert", page="web:alerts", thumb=True
            ),
            MenuEntry("事件", "folder_special", "secops_agent.case", page="web:cases"),
            MenuEntry("操作审批", "how_to_reg", "secops_agent.proposal", page="web:approvals", thumb=True),
            MenuEntry("值班", "calendar_month", "secops_agent.oncallschedule", page="web:on_call"),
            MenuEntry("问一问", "forum", "secops_agent.alert", page="web:chat", thumb=True),
            MenuEntry("资产", "dns", "secops_agent.asset", page="web:assets"),
            MenuEntry("漏洞", "bug_report", "secops_agent.vulnerability", page="web:vulnerabilities"),
            MenuEntry("发现", "troubleshoot", "secops_agent.finding", page="web:findings"),
            MenuEntry("组件", "deployed_code", "secops_agent.component"),
            MenuEntry("处置动作", "bolt", "secops_agent.action"),
        ),
    ),
    (
        "数据接入",
        (
            MenuEntry("导入任务", "upload_file", "secops_agent.importjob"),
            MenuEntry("Syslog 来源", "input", "secops_agent.syslogsource"),
            MenuEntry("消息流死信", "unsubscribe", "secops_agent.brokerletter"),
            MenuEntry("情报清单", "shield_question", "secops_agent.indicatorlist"),
            MenuEntry("情报条目", "fingerprint", "secops_agent.listedindicator"),
            MenuEntry("漏洞情报", "rss_feed", "secops_agent.feed"),
        ),
    ),
    (
        "知识与报告",
        (
            MenuEntry("安全报告", "summarize", "secops_agent.securityreport"),
            MenuEntry("手册（技能）", "menu_book", "secops_agent.runbook"),
            MenuEntry("改进建议", "thumb_down", "secops_agent.correction"),
            MenuEntry("调查对照", "balance", "secops_agent.investigationreplay"),
        ),
    ),
    (
        "通知",
        (
            MenuEntry("通知规则", "campaign", "secops_agent.notificationrule"),
            MenuEntry("告警消息", "mark_chat_read", "secops_agent.alertmessage"),
            MenuEntry("静默", "notifications_off", "secops_agent.silence"),
            MenuEntry("抑制规则", "filter_alt_off", "secops_agent.suppressionrule"),
            MenuEntry("处理时限", "timer", "secops_agent.slatarget"),
            MenuEntry("通知偏好", "tune", "secops_agent.notificationpreference"),
            MenuEntry("定时任务", "event_repeat", "secops_agent.scheduledtask"),
            MenuEntry("已知的群", "groups", "channels.knowngroup"),
        ),
    ),
    (
        "系统",
        (
            MenuEntry("系统配置", "settings", "core.systemconfig"),
            MenuEntry("系统开关", "toggle_on", "core.switch"),
            MenuEntry("连接状态", "hub", "channels.clientstate"),
            MenuEntry("接口用量", "data_usage", "dingtalk_integration.apiusage"),
            MenuEntry("模型用量", "payments", "secops_agent.turnusage"),
            MenuEntry("MCP 工具", "extension", "secops_agent.mcpcatalogue"),
            MenuEntry(
                "收件箱", "inbox", "channels.inboxrow", badge="bifang.channels.admin.figures.inbox_badge"
            ),
            MenuEntry(
                "发件箱", "outbox", "channels.outboxrow", badge="bifang.channels.admin.figures.outbox_badge"
            ),
        ),
    ),
    (
        "人员与审计",
        (
            MenuEntry("人员", "badge", "secops_agent.staff"),
            MenuEntry("API 令牌", "key", "secops_agent.apitoken"),
            MenuEntry("会话", "chat", "secops_agent.alert", page="web:conversations"),
            MenuEntry("审计记录", "policy", "secops_agent.auditrecord"),
            MenuEntry("登录用户", "person", "auth.user"),
            MenuEntry("用户组", "group", "auth.group"),
            MenuEntry("登录失败", "no_accounts", "core.loginfailure"),
        ),
    ),
    (
        "很少用到",
        (
            MenuEntry("日历订阅", "calendar_add_on", "secops_agent.calendarfeed"),
            MenuEntry("节假日与调休", "event_busy", "secops_agent.calendarday"),
            MenuEntry("AI 卡片", "view_agenda", "channels.card"),
            MenuEntry("模型价格", "sell", "secops_agent.modelprice"),
            MenuEntry("审计封存段", "lock_clock", "secops_agent.auditsegment"),
            MenuEntry("工作进程", "memory", "channels.worker"),
            MenuEntry("Syslog 接收进程", "settings_input_antenna", "secops_agent.sysloglistener"),
            MenuEntry("Syslog 拒收", "rule", "secops_agent.syslogrejection"),
            MenuEntry("计划任务", "schedule", "django_q.schedule"),
            MenuEntry("排队的任务", "pending_actions", "django_q.ormq"),
            MenuEntry("失败的任务", "error", "django_q.failure"),
            MenuEntry("成功的任务", "task_alt", "django_q.success"),
        ),
    ),
)


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """What stands under the person's own name. Whoever only comes through DingTalk has no password to change."""
    links = [{"title": "两步验证", "link": reverse("second_factor")}]
    if request.user.is_authenticated and request.user.has_usable_password():
        links.insert(0, {"title": "修改密码", "link": reverse("admin:password_change")})
    return links


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu of this person: only what they may see, dead letters counted."""
    home = reverse("web:home")
    # Every address begins as this one does: unfold would mark it on every page.
    overview = {"title": "工作台", "icon": "dashboard", "link": home, "active": request.path == home}
    groups: list[dict[str, Any]] = [{"title": "", "items": [overview]}]
    for title, entries in MENU:
        items = [_item(request, entry) for entry in entries if _may_see(request, entry)]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def frame(request: HttpRequest) -> dict[str, Any]:
    """A context processor: what the frame of our own pages shows, asked for only where it is printed."""
    return {
        "house_menu": SimpleLazyObject(lambda: menu(request)),
        "house_thumb": SimpleLazyObject(lambda: _thumb(request)),
        "house_switches": SimpleLazyObject(_switches),
        "house_pages": SimpleLazyObject(lambda: _pages(request)),
    }


def _switches() -> list[str]:
    from bifang.core.admin.dashboard import switches_on  # settings are read before anything can be imported

    return switches_on()


def _thumb(request: HttpRequest) -> list[dict[str, Any]]:
    home = {"title": "工作台", "icon": "dashboard", "link": reverse("web:home")}
    entries = (entry for _, group in MENU for entry in group if entry.thumb)
    return [home, *(_item(request, entry) for entry in entries if _may_see(request, entry))]


def _pages(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """The list of a model in the admin → the page of our own that stands before it."""
    first: dict[str, MenuEntry] = {}
    for entry in (entry for _, group in MENU for entry in group):
        first.setdefault(entry.model, entry)
    pages = (entry for entry in first.values() if entry.page and _may_see(request, entry))
    return {_list_of(entry): _item(request, entry) for entry in pages}


def _list_of(entry: MenuEntry) -> str:
    try:
        return reverse(f"admin:{entry.model.replace('.', '_')}_changelist")
    except NoReverseMatch:  # a page of our own alone
        return ""


def _may_see(request: HttpRequest, entry: MenuEntry) -> bool:
    app, _, model = entry.model.partition(".")
    return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))


def _item(request: HttpRequest, entry: MenuEntry) -> dict[str, Any]:
    from django.utils.module_loading import import_string  # settings are read before anything can be imported

    page = reverse(entry.page or f"admin:{entry.model.replace('.', '_')}_changelist")
    item: dict[str, Any] = {"title": entry.title, "icon": entry.icon, "link": page}
    count = import_string(entry.badge)(request) if entry.badge else ""
    return item | {"badge": count} if count else item


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "毕方 Bifang",
    "SITE_HEADER": "毕方 Bifang",
    "SITE_SUBHEADER": "安全运营同事",
    "SITE_URL": None,
    "SITE_SYMBOL": "local_fire_department",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("bifang/favicon.svg")}
    ],
    "STYLES": [lambda request: static("bifang/admin.css")],
    "SCRIPTS": [
        lambda request: static("bifang/live.js"),
        lambda request: static("bifang/asks.js"),
        lambda request: static("bifang/select.js"),
    ],
    "ACCOUNT": {"navigation": account},
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .013 40)",
            "100": "oklch(94.5% .03 40)",
            "200": "oklch(89% .06 40)",
            "300": "oklch(81% .1 40)",
            "400": "oklch(71% .15 38)",
            "500": "oklch(63% .18 36)",
            "600": "oklch(55% .18 34)",
            "700": "oklch(48% .16 34)",
            "800": "oklch(41% .13 34)",
            "900": "oklch(36% .1 34)",
            "950": "oklch(26% .07 34)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": menu,
    },
}
