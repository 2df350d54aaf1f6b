"""The pages of the one product: what the menu, the tabs, the cards of 设置 and 运行状态 and the search for a page are made of.

One table; who may see a page is whoever may see the records it shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, get_script_prefix, reverse

from bifang.channels.admin.figures import inbox_state, outbox_state
from bifang.core.admin.dashboard import connection_state, switch_state
from bifang.core.admin.model_choice import model_state
from bifang.core.configuration.kinds import all_kinds
from bifang.core.models import SystemConfig
from secops_agent.admin.alerting.alert_messages import message_state
from secops_agent.admin.alerting.sla import limit_state
from secops_agent.admin.sources.data_sources import source_state


@dataclass(frozen=True, slots=True)
class MenuPage:
    """A page for those who may see the model ("app.model"; "": whoever may see one of its tabs, or anyone).

    It stands at the address named ``name``, or else is the model's list in the admin. Its tabs stand beside it.
    """

    title: str
    icon: str
    model: str = ""
    name: str = ""
    tabs: tuple["MenuPage", ...] = ()
    links: tuple["MenuPage", ...] = ()  # pages that stand elsewhere, and have a card here, too
    words: str = ""  # what it is for, where the admin's list does not say so
    also: str = ""  # what else people call it, for the search
    # How it stands, and the tone; else its rows are counted.
    state: Callable[[HttpRequest], tuple[str, str]] | None = None
    thumb: bool = False  # stands at the bottom of a phone, too

    @property
    def address(self) -> str:
        """Where it is."""
        return reverse(self.name) if self.name else self.records

    @property
    def records(self) -> str:
        """The admin's list of the records; "" if they have none."""
        try:
            return reverse(f"admin:{self.model.replace('.', '_')}_changelist")
        except NoReverseMatch:
            return ""

    def purpose(self) -> str:
        """What it is for, in one sentence."""
        screen: Any = admin.site._registry.get(apps.get_model(self.model)) if self.model else None
        return self.words or f"{getattr(screen, 'purpose', '').partition('。')[0]}。"

    @property
    def known_as(self) -> str:
        """Every word by which it is found: its title, what it is for, the names of its records, and what else it is called."""
        meta = apps.get_model(self.model)._meta if self.model else None
        names = f"{meta.verbose_name} {meta.object_name}" if meta else ""
        return f"{self.title} {self.purpose()} {names} {self.also}".lower()

    def settings_like(self, word: str) -> tuple[str, ...]:
        """The names of what is set on it that have the word in them: 免打扰开始."""
        model = apps.get_model(self.model) if self.model and not self.name else None
        screen: Any = admin.site._registry.get(model) if model else None
        if screen is None:
            return ()
        names = [str(each.verbose_name) for each in screen.opts.fields if each.editable]
        names += [str(each.label or "") for each in screen.form.base_fields.values()]
        if model is SystemConfig:
            names += [str(each.label) for kind in all_kinds() for each in kind.boxes.values()]
        return tuple(dict.fromkeys(name for name in names if word in name.lower()))


BLOCKS: Final = MenuPage(
    "封禁台账", "block", "secops_agent.blockrecord", "web:blocks", words="封禁和隔离了什么、为什么、谁批准、到什么时候、设备上是不是真有。",
    also="解封 误封 拉黑 block 封禁 IP 地址 批量封禁 隔离主机 解除",
)  # fmt: skip
MODELS: Final = MenuPage(
    "换模型", "psychology", "core.systemconfig", "admin:core_systemconfig_models", state=model_state, words="现在由哪个大模型回答，换一个，马上试。",
    also="AI配置 大模型 通义千问 自建模型 离线模式 LLM",
)  # fmt: skip
MENU: Final = (
    MenuPage("工作台", "dashboard", name="web:home", thumb=True, also="首页 总览 仪表盘 dashboard home"),
    MenuPage("告警", "notifications_active", "secops_agent.alert", "web:alerts", thumb=True, also="alert 报警 待处理"),
    MenuPage("事件", "folder_special", "secops_agent.case", "web:cases", also="案件 工单 incident"),
    MenuPage("审批", "how_to_reg", "secops_agent.proposal", "web:approvals", thumb=True, also="批准 同意 申请 封禁 隔离 解封 处置动作 执行结果",
         tabs=(BLOCKS,)),
    MenuPage("值班", "calendar_month", "secops_agent.oncallschedule", "web:on_call", also="排班 空档 轮值 轮班 班次 换班 交接 on call",
         tabs=(MenuPage("日历订阅", "calendar_add_on", "secops_agent.calendarfeed"),
               MenuPage("节假日与调休", "event_busy", "secops_agent.calendarday"))),
    MenuPage("问一问", "forum", "secops_agent.alert", "web:chat", thumb=True, also="聊天 机器人 助手 chat",
         tabs=(MenuPage("会话", "chat", "secops_agent.alert", "web:conversations"),)),
    MenuPage("资产", "dns", "secops_agent.asset", "web:assets", also="主机 服务器 CMDB"),
    MenuPage("漏洞", "bug_report", "secops_agent.vulnerability", "web:vulnerabilities", also="CVE KEV 脆弱性",
         tabs=(MenuPage("发现", "troubleshoot", "secops_agent.finding", "web:findings", also="修复 接受风险 配置错误"),
               MenuPage("组件", "deployed_code", "secops_agent.component", also="软件 SBOM 软件包"))),
    MenuPage("报告", "summarize", "secops_agent.securityreport", also="日报 周报 月报",
         tabs=(MenuPage("调查对照", "balance", "secops_agent.investigationreplay"),)),
    MenuPage("手册", "menu_book", "secops_agent.runbook", also="预案 SOP playbook skill",
         tabs=(MenuPage("改进建议", "thumb_down", "secops_agent.correction"),)),
    MenuPage("静默与抑制", "notifications_off", tabs=(
        MenuPage("静默", "notifications_off", "secops_agent.silence", also="屏蔽 免打扰 mute"),
        MenuPage("抑制规则", "filter_alt_off", "secops_agent.suppressionrule", also="白名单 过滤 降噪"))),
    MenuPage("我的", "person", name="web:me", also="个人 密码 两步验证 MFA 班次 叫我"),
)  # fmt: skip

SETTINGS: Final = MenuPage("设置", "settings", name="settings", tabs=(
    MenuPage("系统配置", "settings", "core.systemconfig", words="钉钉、飞书、AI配置（大模型）、连接器：毕方和外面怎么连。",
             also="机器人 通义千问 API Key 处置连接器 防火墙 封禁 IP 隔离 webhook"),
    MODELS,
    MenuPage("系统开关", "toggle_on", "core.switch", state=switch_state, also="全部停下 全部恢复 急停", words="出事时一键停下对外的动作、模型和主动说的话，一键恢复；维护模式、只读。"),
    MenuPage("通知规则", "campaign", "secops_agent.notificationrule", also="告警规则 推送 升级 叫醒"),
    MenuPage("处理时限", "timer", "secops_agent.slatarget", state=limit_state, also="SLA 超时"),
    MenuPage("报告时限", "gavel", "secops_agent.reportingduty", also="上报 网信 监管 报告办法 合规",
         tabs=(MenuPage("分级问题", "quiz", "secops_agent.gradingquestion"),)),
    MenuPage("定时任务", "event_repeat", "secops_agent.scheduledtask"),
    MenuPage("已知的群", "groups", "channels.knowngroup"),
    MenuPage("通知偏好", "tune", "secops_agent.notificationpreference", also="免打扰 提醒"),
    MenuPage("导入任务", "upload_file", "secops_agent.importjob", words="上传扫描、资产和告警的文件，看每一次写入了什么。"),
    MenuPage("接入", "cable", "secops_agent.formattable", also="格式 字段表 解析 样例 导入 TOML",
             tabs=(MenuPage("检测规则", "rule_folder", "secops_agent.detectionrule", also="Sigma"),)),
    MenuPage("Syslog 来源", "input", "secops_agent.syslogsource", also="接收进程 监听 端口 514", tabs=(MenuPage("Syslog 拒收", "rule", "secops_agent.syslogrejection"),)),
    MenuPage("情报清单", "shield_question", "secops_agent.indicatorlist", also="IOC 黑名单 威胁情报",
         tabs=(MenuPage("情报条目", "fingerprint", "secops_agent.listedindicator"),)),
    MenuPage("漏洞情报", "rss_feed", "secops_agent.feed"),
    MenuPage("MCP 工具", "extension", "secops_agent.mcpcatalogue"),
    MenuPage("人员", "badge", "secops_agent.staff", words="谁可以用毕方，各是什么角色，怎么登录。", also="同事 账号 密码 邀请 离职",
             tabs=(MenuPage("登录用户", "person", "auth.user"), MenuPage("用户组", "group", "auth.group"))),
    MenuPage("API 令牌", "key", "secops_agent.apitoken", words="给程序和别的智能体的钥匙：读取、导入、修改各一把。"),
))  # fmt: skip

STATUS: Final = MenuPage("运行状态", "monitor_heart", name="status", links=(MODELS, BLOCKS), tabs=(
    MenuPage("连接状态", "hub", "channels.clientstate", state=connection_state, tabs=(MenuPage("工作进程", "memory", "channels.worker"),)),
    MenuPage("数据源", "sensors", "secops_agent.datasource", state=source_state, also="安静 没有日志 节律 采集 来源"),
    MenuPage("告警消息", "mark_chat_read", "secops_agent.alertmessage", state=message_state, words="每个地方收到了哪些告警，哪些无法送达、为什么。",
         tabs=(MenuPage("呼叫", "call", "secops_agent.wakecall", also="DING 加急 电话 短信"),)),
    MenuPage("收件箱", "inbox", "channels.inboxrow", state=inbox_state, words="钉钉、飞书里收到的每条消息，和它办到了哪一步。",
         tabs=(MenuPage("AI 卡片", "view_agenda", "channels.card"),)),
    MenuPage("发件箱", "outbox", "channels.outboxrow", state=outbox_state, words="要发出去的每条回复，送到了没有。"),
    MenuPage("接口用量", "data_usage", "dingtalk_integration.apiusage", words="每个应用每天调用钉钉接口多少次，额度还剩多少。"),
    MenuPage("模型用量", "payments", "secops_agent.turnusage", tabs=(MenuPage("模型价格", "sell", "secops_agent.modelprice"),)),
    MenuPage("审计记录", "policy", "secops_agent.auditrecord", words="说过、决定、调用、批准、发出的一切，改不了。",
         tabs=(MenuPage("审计封存段", "lock_clock", "secops_agent.auditsegment"),)),
    MenuPage("登录失败", "no_accounts", "core.loginfailure"),
    MenuPage("消息流死信", "unsubscribe", "secops_agent.brokerletter"),
    MenuPage("计划任务", "schedule", "django_q.schedule", tabs=(
        MenuPage("排队的任务", "pending_actions", "django_q.ormq"), MenuPage("失败的任务", "error", "django_q.failure"),
        MenuPage("成功的任务", "task_alt", "django_q.success"))),
))  # fmt: skip
ALL: Final = (*MENU, SETTINGS, STATUS)


def may_see(request: HttpRequest, page: MenuPage) -> bool:
    """Whether this person may see the records of the page; of a page of cards, one of the cards."""
    if not page.model:
        return not page.tabs or any(may_see(request, each) for each in page.tabs)
    app, _, model = page.model.partition(".")
    return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))


def walk(*pages: MenuPage) -> Iterator[tuple[MenuPage, ...]]:
    """Every page below these, the pages above it before it."""
    for page in pages or ALL:
        yield (page,)
        if page.tabs:
            yield from ((page, *below) for below in walk(*page.tabs))


def trail(path: str) -> tuple[MenuPage, ...]:
    """Where in the table an address belongs: the page that it is, or is below, and the pages above that one."""
    found: tuple[MenuPage, ...] = ()
    longest = 1  # every address begins with that of the first page
    for place, way in _places(get_script_prefix()):
        if path == place or (path.startswith(place) and len(place) > longest):
            found, longest = way, len(place)
    return found


@lru_cache(maxsize=4)
def _places(prefix: str) -> tuple[tuple[str, tuple[MenuPage, ...]], ...]:
    """Every address, below the prefix of the application, with its way through the table, the first of each; found once."""
    found: dict[str, tuple[MenuPage, ...]] = {}
    for way in walk():
        for place in (way[-1].address, way[-1].records):
            found.setdefault(place, way)
    return tuple((place, way) for place, way in found.items() if place)
