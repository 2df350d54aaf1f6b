"""The guide's steps towards a robot that answers: on the first page, and on the page of a configuration."""

import getpass
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import ClientState, ClientStatus, InboxRow
from bifang.core.addresses import is_loopback
from bifang.core.admin.dashboard import config_step
from bifang.core.admin.guiding import register_guide
from bifang.core.admin.panels import Step, register_steps
from bifang.core.models import SystemConfig
from dingtalk_integration.health import COMMAND, FRESH, live_states, live_workers
from dingtalk_integration.models import CallbackState
from secops_agent.models import Role, Staff

OPEN_PLATFORM: Final = "https://open.dingtalk.com/"
FILES: Final = (  # as they are shipped; what an operator would replace is filled in
    ("用 supervisor 一直运行（推荐）", "supervisor/dingtalk-stream.conf"),
    ("用 systemd 一直运行", "systemd/dingtalk-stream.service"),
)
ON_PLATFORM: Final = (
    "在开放平台打开这个应用：应用能力 › 机器人（没有就先「添加应用能力」），消息接收模式选「Stream 模式」；"
    "开发配置 › 事件订阅，选「Stream 推送」，点「验证连接通道」显示成功后保存；应用发布 › 版本管理与发布，发布一个版本。"
)
MENTION: Final = "在钉钉群里添加这个机器人，@ 它说一句「你好」；也可以和它单聊。收到后这里自动打勾。"


def of_config(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """From switching it on to the first answer."""
    states = live_states(config.pk)
    heard = InboxRow.objects.filter(config=config, kind="chat").exists()
    yield Step("启用", "打开「启用」，再保存。", config.enabled)
    yield _start(config, bool(states) or bool(live_workers(config.pk)))
    if not config.params.get("use_stream_push", True):
        yield from _by_callback(config, heard)
        return
    connected = bool(states) and states[0].status == ClientStatus.CONNECTED
    yield Step("连接钉钉", _connecting(states), connected or heard)
    yield Step(
        "在开放平台选择 Stream 推送并发布", f"{ON_PLATFORM}做完就到群里 @ 机器人。", heard, OPEN_PLATFORM
    )
    yield Step("在钉钉里 @ 机器人", MENTION, heard)
    yield _list_staff(config.params.get("default_role") == "viewer")


def _by_callback(config: SystemConfig, heard: bool) -> Iterable[Step]:
    page = reverse("admin:dingtalk_callback_page", args=[config.pk])
    text = "没有使用流式推送，正在等待钉钉回调（如需 Stream，请开启）。把下一页的地址和密钥填到开放平台，保存，再发布一个版本。"
    called = CallbackState.objects.filter(config=config).exclude(called_at=None).exists()
    yield Step("在开放平台填写回调地址并发布", text, called or heard, page)
    yield Step("在钉钉里 @ 机器人", MENTION, heard)
    yield _list_staff(config.params.get("default_role") == "viewer")


def _platform(config: SystemConfig) -> str:
    """开放平台, or the simulator's, where the configuration names one."""
    endpoint = str(config.params.get("endpoint") or "")
    simulated = settings.SIMULATOR and is_loopback(urlsplit(endpoint).hostname or "")
    return f"{endpoint}/apps#/{quote(config.client_id)}/robot" if simulated else OPEN_PLATFORM


def _start(config: SystemConfig, running: bool) -> Step:
    text = (
        f"服务要一直运行，才有人接收和回答消息。在服务器上执行下面的命令（所有启用的配置；只要这一个就加 --config-id {config.pk}）。"
        "已有服务在运行时不需要再启动，它几秒内会接手。"
    )
    commands = ("只运行这一个配置", f"{_command()} --config-id {config.pk}")
    return Step("启动 Stream 推送服务", text, running, command=_command(), more=(commands, *_files()))


def _command() -> str:
    return f"cd {settings.BASE_DIR} && {sys.executable} manage.py start_dingtalk_stream"


def _files() -> list[tuple[str, str]]:
    """Where the repository's deploy/ is there."""
    paths = [(title, Path(settings.BASE_DIR) / "deploy" / name) for title, name in FILES]
    return [(title, _fill_in(path.read_text(encoding="utf-8"))) for title, path in paths if path.is_file()]


def _fill_in(text: str) -> str:
    for place, value in (
        ("/path/to/venv/bin/python", sys.executable), ("/path/to/project/logs", settings.LOG_DIR),
        ("/path/to/project/var", settings.DATA_DIR), ("/path/to/project", settings.BASE_DIR), ("www-data", _user()),
        ("把 /path/to 换成实际路径", "路径已按这台服务器填好"),
    ):  # fmt: skip
        text = text.replace(place, str(value))
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in containers
        return "www-data"


def _connecting(states: list[ClientState]) -> str:
    if states and states[0].status == ClientStatus.PARKED:
        return (
            f"{states[0].last_error} 请回到开放平台「凭证与基础信息」，把 Client ID 和 Client Secret 重新复制过来，"
            "按「测试连接」通过后保存；服务会马上重试。"
        )
    return "服务在运行，通常几秒内连上。一直连不上时按「测试连接」，看是哪一步没有通过。"


def _list_staff(anyone: bool) -> Step:
    done = anyone or Staff.objects.filter(active=True).exclude(role=Role.NONE).exists()
    text = "默认谁都不能使用：登记员工 ID 和角色后，他 @ 机器人就会得到回答。机器人会告诉没有登记的人他的员工 ID。"
    return Step("登记可以使用的人员", text, done, reverse("admin:secops_agent_staff_add"))


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
        Step("启动 Stream 推送服务", "服务要一直运行，才能保持与钉钉的长连接。", running, command=COMMAND),
        Step("在开放平台选择 Stream 推送并发布", ON_PLATFORM, heard, OPEN_PLATFORM),
        Step("在钉钉里 @ 机器人", MENTION, heard),
    ]


register_steps(10, first_steps)
register_guide("dingtalk", of_config)
