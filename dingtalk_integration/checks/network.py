"""The way from this machine to DingTalk, step by step. A worker that is connected is never disturbed."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.channels.streams.sockets import open_socket
from bifang.core.errors import RateLimited, RemoteError
from bifang.core.http import HttpClient
from bifang.core.models import SystemConfig
from bifang.core.reach import INNER, REACH
from bifang.core.trials import CheckStep, Failure, Skip, in_thread
from dingtalk_integration import api_usage
from dingtalk_integration.checks.configuration import DingTalkTrial
from dingtalk_integration.health import live_states, live_workers
from dingtalk_integration.openapi import tokens
from dingtalk_integration.openapi.application import Application
from dingtalk_integration.openapi.endpoints import Endpoints
from dingtalk_integration.stream import gateway
from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, DELEGATE_TOPIC
from dingtalk_integration.stream.settings import StreamSettings
from dingtalk_integration.worker.clients import stream_settings

MOST_SKEW: Final = 60.0  # seconds
NO_ANSWER: Final = "钉钉没有给出答复，问题不在凭证和应用设置：检查网络出口、上网认证和代理，稍后再检查一次。"
EVENTS: Final = {"type": "EVENT", "topic": "*"}
# What the worker subscribes to: the gateway may refuse a topic.
TOPICS: Final = (
    EVENTS,
    *({"type": "CALLBACK", "topic": topic} for topic in (CHAT_TOPIC, DELEGATE_TOPIC, CARD_TOPIC)),
)


async def check_credentials(subject: DingTalkTrial) -> str:
    """DingTalk gives an access token for Client ID and secret. Fills in ``answer``."""
    settings = subject.ready
    application = Application(
        settings.client_id,
        settings.client_secret,
        Endpoints(settings.endpoint, settings.oapi_endpoint),
        settings.proxy,
    )
    with _blaming_the_network():
        async with HttpClient(pool=1) as http:
            started = time.time()
            subject.answer = await tokens.ask(http, application, timeout=INNER)
            subject.answered_at = (started + time.time()) / 2
            await in_thread(lambda: api_usage.probe(settings.client_id))
        tokens.open_answer(subject.answer)
    return "钉钉接受 Client ID 和 Client Secret"


async def check_clock(subject: DingTalkTrial) -> str:
    """Our clock against the ``Date`` of DingTalk's answer, which has whole seconds."""
    if subject.answer is None:
        raise Skip("没有收到钉钉的回答，无法比较")
    theirs = _date(subject.answer.headers.get("Date", ""))
    if theirs is None:
        raise Skip("钉钉的回答没有时间，无法比较")
    skew = subject.answered_at - theirs.timestamp()
    if abs(skew) > MOST_SKEW:
        raise Failure(f"本机时钟比钉钉{'快' if skew > 0 else '慢'} {abs(skew):.0f} 秒。")
    return f"与钉钉相差不到 {max(abs(skew), 1):.0f} 秒"


@contextlib.contextmanager
def _blaming_the_network() -> Iterator[None]:
    """Where DingTalk itself has refused nothing, advice about credentials would send people the wrong way."""
    try:
        yield
    except RemoteError as error:
        if error.permanent or isinstance(error, RateLimited):
            raise
        raise Failure(error.message, NO_ANSWER) from None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


async def check_open(subject: DingTalkTrial) -> str:
    """The gateway gives an address and a ticket. The ticket is thrown away: without it no connection comes to be."""
    if not subject.ready.use_stream_push:
        raise Skip("不使用流式推送")
    with _blaming_the_network():
        uri = await gateway.ask(_stream(subject), TOPICS, "")
    return f"网关给出连接地址 {urlsplit(uri).hostname}"


async def check_handshake(subject: DingTalkTrial) -> str:
    """Open a WebSocket and close it at once, reading and acknowledging nothing.

    DingTalk spreads pushes over the connections of an application: a second one would take messages from the
    worker's. So there is none while a worker runs, and it subscribes to no messages and no card clicks.
    """
    if not subject.ready.use_stream_push:
        raise Skip("不使用流式推送")
    await _leave_workers_alone(subject)
    stream = _stream(subject)
    uri = await gateway.ask(stream, [EVENTS], "")
    await _leave_workers_alone(subject)  # again, as late as possible: one may just have been started
    socket = await open_socket(uri, stream)
    try:
        return f"已与 {urlsplit(uri).hostname} 握手，随即关闭"
    finally:
        await socket.close()


async def _leave_workers_alone(subject: DingTalkTrial) -> None:
    """Skip if a worker serves this application, connected or not, under whichever configuration."""
    owners = await in_thread(lambda: _owners(subject))
    if owners:
        raise Skip(f"工作进程 {owners[0]} 正在运行：再开一个连接会分走它的消息，它的连接状态见「推送服务」")


def _owners(subject: DingTalkTrial) -> list[str]:
    twins = SystemConfig.objects.enabled("dingtalk").filter(client_id=subject.ready.client_id)
    pks = {subject.row.pk, *twins.values_list("pk", flat=True)} - {None}
    return [state.owner for pk in pks for state in live_states(pk)] + [
        worker.owner for pk in pks for worker in live_workers(pk)
    ]


def _stream(subject: DingTalkTrial) -> StreamSettings:
    return replace(stream_settings(subject.ready), open_timeout_s=INNER, connect_timeout_s=INNER)


STEPS: tuple[CheckStep[Any], ...] = (
    *REACH,
    CheckStep(
        "credentials", "凭证", check_credentials,
        "在钉钉开放平台「凭证与基础信息」核对 Client ID 和 Client Secret，确认应用没有停用；在「系统配置」中更正。", ("tls",),
    ),
    CheckStep("clock", "时钟", check_clock, "打开时间同步：sudo timedatectl set-ntp true（或检查 chrony、ntpd）。", ("tls",)),
    CheckStep(
        "open", "Stream 网关", check_open,
        "确认应用已发布、机器人消息接收模式为 Stream 模式，且没有登录门户或代理拦截。", ("credentials",),
    ),
    CheckStep(
        "handshake", "握手", check_handshake,
        "在防火墙放行到该主机 443 端口的出方向连接；代理要支持 WebSocket。", ("open",),
    ),
)  # fmt: skip
