"""The guide's steps towards a robot that answers: on the first page, and on the page of a configuration."""

from collections.abc import Iterable
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.admin import service_steps
from bifang.channels.admin.connection_face import traces_of
from bifang.channels.client_status import FRESH
from bifang.channels.models import ClientState, ClientStatus, InboxRow
from bifang.core.admin.dashboard import config_step
from bifang.core.admin.guiding import register_guide
from bifang.core.admin.panels import Step, register_steps
from bifang.core.models import SystemConfig
from dingtalk_integration.health import SERVICE
from dingtalk_integration.models import CallbackState
from secops_agent.admin.staff import listing_step

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
        yield from _by_callback(config, heard)
        return
    yield service_steps.connecting_step(SERVICE, config, "开放平台")
    yield Step(
        "在开放平台选择 Stream 推送并发布", f"{ON_PLATFORM}做完就到群里 @ 机器人。", heard, OPEN_PLATFORM
    )
    yield Step("在钉钉里 @ 机器人", MENTION, heard)
    yield listing_step(config)


def _by_callback(config: SystemConfig, heard: bool) -> Iterable[Step]:
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


register_steps(10, first_steps)
register_guide("dingtalk", of_config)
