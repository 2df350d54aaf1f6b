"""What the pages show of a DingTalk configuration: how it is, what is known of it, how it is tried, what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from bifang.channels.admin import connection_face, service_steps
from bifang.channels.admin.connection_face import traces_of
from bifang.channels.models import ClientState, ClientStatus, InboxRow
from bifang.channels.workers.client_status import FRESH
from bifang.core.admin.base import since
from bifang.core.admin.dashboard import config_step
from bifang.core.admin.kind_pages import KIND_PAGES, Fact, KindPage, Live
from bifang.core.admin.panels import STEPS, Step
from bifang.core.models import SystemConfig
from dingtalk_integration.checks.configuration import DINGTALK
from dingtalk_integration.health import SERVICE
from dingtalk_integration.models import ApiUsage, CallbackState, QuotaLedger
from dingtalk_integration.quotas import quota
from dingtalk_integration.webhook.page import callback_facts
from secops_agent.admin.people.staff import listing_step


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each configuration, and whether its quota stands in the way."""
    spent = quota.used_up()
    lives = connection_face.watch(SERVICE, configs, _by_callback)
    return {pk: _with_quota(live, spent.get(pk)) for pk, live in lives.items()}


def _with_quota(live: Live, spent: quota.Standing | None) -> Live:
    """A quota that is used up stands in the way of what works otherwise."""
    if spent is None or live.error:
        return live
    return replace(live, error=spent.describe(), error_at=spent.refused_at)


def _by_callback(config: SystemConfig, served: bool, known: tuple[str, datetime | None]) -> Live:
    """Of a configuration that DingTalk calls: whether it did, and whether somebody answers."""
    if not served:
        return Live("服务未运行", "bad", f"{SERVICE.unconnected}；请启动 {SERVICE.command}，由它回答", *known)
    rows = list(CallbackState.objects.filter(config=config))
    refused = max((row for row in rows if row.refused_at), key=lambda row: str(row.refused_at), default=None)
    called = max((row.called_at for row in rows if row.called_at), default=None)
    if refused is not None and refused.refused_at and (called is None or refused.refused_at > called):
        known = (f"拒绝了一次回调（{refused.get_door_display()}）：{refused.refusal}", refused.refused_at)
    if called is None:
        return Live("等待钉钉回调", "info", SERVICE.unconnected, *known)
    return Live("HTTP 回调", "ok", f"最近回调 {since(called)}", *known)


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error, what was spent this month."""
    return [
        *connection_face.message_facts(config),
        *callback_facts(request, config),
        ("本月额度", _spending(config) or "还没有用到"),
    ]


def _spending(config: SystemConfig) -> SafeString | str:
    """Both quotas of its organisation, and this configuration's share."""
    lines = []
    for one in quota.quota_usage():
        if config.pk in one.config_ids and (one.total or one.refused_at):
            own = _own(config.client_id, one)
            limit = f" / {one.limit:,}（{one.percent}%）" if one.limit else ""
            share = "" if own == one.total else f"，其中这个配置 {own:,}"
            lines.append((f"{one.ledger.label} {one.total:,}{limit}{share}",))
    return format_html_join("；", "{}", lines)


def _own(client_id: str, one: quota.Standing) -> int:
    rows = ApiUsage.objects.filter(client_id=client_id, day__gte=one.month.first).order_by()
    spent = rows.values_list("family").annotate(calls=Sum("calls"))
    return sum(calls for family, calls in spent if QuotaLedger.of(family) == one.ledger)


# The guide's steps towards a robot that answers: on the first page, and on the page of a configuration.

OPEN_PLATFORM: Final = "https://open.dingtalk.com/"
ON_PLATFORM: Final = (
    "在开放平台打开这个应用：应用能力 › 机器人（没有就先「添加应用能力」），消息接收模式选「Stream 模式」；"
    "开发配置 › 事件订阅，选「Stream 推送」，点「验证连接通道」显示成功后保存；应用发布 › 版本管理与发布，发布一个版本。"
)
MENTION: Final = "在钉钉群里添加这个机器人，@ 它说一句「你好」；也可以和它单聊。收到后这里自动打勾。"


def of_config(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """From switching it on to the first answer."""
    heard = traces_of(config).heard is not None
    yield from service_steps.first_steps(SERVICE, config)
    if not SERVICE.wants_connection(config):
        yield from _guide_by_callback(config, heard)
        return
    yield service_steps.connecting_step(SERVICE, config, "开放平台")
    yield Step(
        "在开放平台选择 Stream 推送并发布", f"{ON_PLATFORM}做完就到群里 @ 机器人。", heard, OPEN_PLATFORM
    )
    yield Step("在钉钉里 @ 机器人", MENTION, heard)
    yield listing_step(config)


def _guide_by_callback(config: SystemConfig, heard: bool) -> Iterable[Step]:
    page = reverse("admin:dingtalk_callback_page", args=[config.pk])
    text = "没有使用流式推送，正在等待钉钉回调（如需 Stream，请开启）。把下一页的地址和密钥填到开放平台，保存，再发布一个版本。"
    called = CallbackState.objects.filter(config=config).exclude(called_at=None).exists()
    yield Step("在开放平台填写回调地址并发布", text, called or heard, page)
    yield Step("在钉钉里 @ 机器人", MENTION, heard)
    yield listing_step(config)


def first_steps(request: HttpRequest) -> Iterable[Step]:
    """The guide, from nothing to the first message."""
    if not request.user.has_perm("core.view_systemconfig"):
        return []
    known = SystemConfig.objects.current().filter(kind="dingtalk").exists()
    heard = InboxRow.objects.filter(kind="chat").exists()
    fresh = ClientState.objects.filter(updated_at__gte=timezone.now() - FRESH)
    running = fresh.filter(status=ClientStatus.CONNECTED).exists()
    create = "在钉钉开放平台：应用开发 › 企业内部开发 › 创建应用；再在「添加应用能力」里添加机器人。"
    credentials = "应用的「凭证与基础信息」里有 Client ID（原 AppKey）和 Client Secret（原 AppSecret）。"
    config = "填写 Client ID 和 Client Secret，并打开「使用流式推送」；保存前先按「测试连接」。"
    return [
        Step("在开放平台创建应用", create, known, OPEN_PLATFORM),
        Step("取得应用凭证", credentials, known, OPEN_PLATFORM),
        *config_step(request, "dingtalk", "添加钉钉配置", config),
        Step(
            "启动 Stream 推送服务",
            "服务要一直运行，才能保持与钉钉的长连接。",
            running,
            command=SERVICE.command,
        ),
        Step("在开放平台选择 Stream 推送并发布", ON_PLATFORM, heard, OPEN_PLATFORM),
        Step("在钉钉里 @ 机器人", MENTION, heard),
    ]


STEPS.add(first_steps, place=10)
KIND_PAGES.add(
    KindPage(
        kind="dingtalk", watch=watch, facts=facts, checkup=connection_face.checkup(DINGTALK), guide=of_config
    )
)
