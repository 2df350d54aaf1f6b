"""The way from this machine to DingTalk, step by step. A worker that is connected is never disturbed."""

import time
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.channels.checks.network import blaming_the_network, leave_workers_alone, require_switch
from bifang.channels.streams.sockets import open_socket
from bifang.core.configuration.trials import CheckStep, Failure, Skip, in_thread
from bifang.core.outbound.http import HttpClient
from bifang.core.outbound.reach import INNER, REACH
from dingtalk_integration.checks.trial import DingTalkTrial
from dingtalk_integration.openapi import tokens
from dingtalk_integration.openapi.application import Application, Endpoints
from dingtalk_integration.quotas import api_usage
from dingtalk_integration.stream import gateway
from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, DELEGATE_TOPIC
from dingtalk_integration.stream.settings import StreamSettings
from dingtalk_integration.worker.clients import stream_settings
from secops_agent.services.notifications.calls import CALLS_STEP

MOST_SKEW: Final = 60.0  # seconds
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
    with blaming_the_network(subject.service.title):
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


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


async def check_open(subject: DingTalkTrial) -> str:
    """The gateway gives an address and a ticket. The ticket is thrown away: without it no connection comes to be."""
    require_switch(subject)
    with blaming_the_network(subject.service.title):
        uri = await gateway.ask(_stream(subject), TOPICS, "")
    return f"网关给出连接地址 {urlsplit(uri).hostname}"


async def check_handshake(subject: DingTalkTrial) -> str:
    """Open a WebSocket and close it at once, reading and acknowledging nothing.

    There is none while a worker runs, and it subscribes to no messages and no card clicks.
    """
    require_switch(subject)
    await leave_workers_alone(subject)
    stream = _stream(subject)
    uri = await gateway.ask(stream, [EVENTS], "")
    await leave_workers_alone(subject)  # again, as late as possible: one may just have been started
    socket = await open_socket(uri, stream)
    try:
        return f"已与 {urlsplit(uri).hostname} 握手，随即关闭"
    finally:
        await socket.close()


def _stream(subject: DingTalkTrial) -> StreamSettings:
    return replace(stream_settings(subject.ready), open_timeout_s=INNER, connect_timeout_s=INNER)


STEPS: tuple[CheckStep[Any], ...] = (
    *REACH,
    CheckStep(
        "credentials", "凭证", check_credentials,
        "在钉钉开放平台「凭证与基础信息」核对 Client ID 和 Client Secret，确认应用没有停用；在「系统配置」中更正。", ("tls",),
        field="client_secret",
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
    CALLS_STEP,
)  # fmt: skip
