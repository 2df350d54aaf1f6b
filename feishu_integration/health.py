"""Feishu's service, for the health checks and pages that every channel has."""

from typing import Final

from bifang.channels.workers.connection_health import WorkerService

SERVICE: Final = WorkerService(
    kind="feishu",
    title="飞书",
    label="飞书长连接服务",
    program="start_feishu_stream",
    check="check_feishu_stream",
    switch="use_long_connection",
    switch_label="使用长连接",
    unconnected="未使用长连接，收不到消息；已收到的会继续回答",
    credentials="App ID 和 App Secret",
    ping_s=120.0,
    prefix="feishu_",
)
