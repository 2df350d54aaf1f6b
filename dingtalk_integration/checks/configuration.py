"""Is one configuration complete, enabled and served by a worker?"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils import timezone

from bifang.channels.models import ClientState, ClientStatus
from bifang.core import configs
from bifang.core.http import Response
from bifang.core.models import SystemConfig
from bifang.core.trials import COMPLETE, IN_ADMIN, CheckStep, Destination, Failure, Skip, Tryout, in_thread
from dingtalk_integration.health import (
    COMMAND,
    WAITS_FOR_CALLS,
    describe_echo,
    is_mute,
    live_states,
    live_workers,
)


@dataclass(slots=True)
class DingTalkTrial(Tryout):
    """A DingTalk configuration.

    ``answer``: DingTalk's answer to the request for an access token; ``answered_at`` our clock then, in epoch
    seconds, taken in the middle of the request.
    """

    answer: Response | None = None
    answered_at: float = 0.0

    @property
    def destination(self) -> Destination:
        """The endpoint."""
        return Destination(self.ready.endpoint, self.ready.proxy)

    def describe(self) -> str:
        """What DingTalk knows it by."""
        return f"Client ID {self.ready.client_id}，接入地址 {self.ready.endpoint}"


def stored(row: SystemConfig) -> DingTalkTrial:
    """It as it is in the database."""
    return DingTalkTrial(row, partial(configs.load, row))


async def check_enabled(subject: DingTalkTrial) -> str:
    """Switched on."""
    if not subject.row.enabled:
        raise Failure("这个配置没有启用，不会连接。")
    return "已启用"


async def check_stream_push(subject: DingTalkTrial) -> str:
    """By which way messages come: both are right, and not both for one configuration."""
    return "已开启" if subject.ready.use_stream_push else WAITS_FOR_CALLS


async def check_ai_config(subject: DingTalkTrial) -> str:
    """The linked configurations of models can be used. None is linked: offline mode."""
    row = subject.row
    linked = [each for each in (row.ai_config, row.ai_fallback) if each is not None]
    found = [await in_thread(partial(_usable, each)) for each in linked]
    return "，其次".join(found) or "没有选择，使用离线模式"


def _usable(ai: SystemConfig) -> str:
    if ai.archived_at is not None or not ai.enabled:
        raise Failure(f"AI 配置「{ai.name}」（ID {ai.pk}）没有启用。")
    return f"「{ai.name}」，模型 {configs.load(ai).model or '（还没有选择）'}"


async def check_worker(subject: DingTalkTrial) -> str:
    """A worker serves this configuration and is connected."""
    if subject.row.pk is None:
        raise Skip("保存后由 Stream 推送服务连接")
    states, workers = await in_thread(lambda: (live_states(subject.row.pk), live_workers(subject.row.pk)))
    if workers and subject.settings is not None and not subject.settings.use_stream_push:
        return f"由进程 {workers[0].owner} 回答；消息由网页进程收下"
    if not states:
        if workers:
            raise Failure(
                f"工作进程 {workers[0].owner} 在运行，但还没有处理这个配置。",
                "刚启动或刚修改配置时，几秒后再检查一次；配置没有启用或没有开启流式推送时不会连接。",
            )
        raise Failure("没有正在运行的 Stream 推送服务（15 秒内没有心跳）。")
    best = states[0]
    if best.status != ClientStatus.CONNECTED:
        reason = f"：{best.last_error}" if best.last_error else "。"
        raise Failure(f"工作进程 {best.owner} 没有连上，状态「{best.get_status_display()}」{reason}")
    echo = describe_echo(best)
    if is_mute(best):
        raise Failure(
            f"工作进程 {best.owner} 显示已连接，但{echo}。",
            "查看 logs/bifang.log 中带 dingtalk 的行；收到的消息处理不完时会这样，网络中断时几十秒内会自动重连。",
        )
    return f"已连接（进程 {best.owner}），{echo}，{_last_frame(best)}，共收到 {best.messages_received} 条"


def _last_frame(state: ClientState) -> str:
    if state.last_frame_at is None:
        return "还没有收到过数据"
    seconds = max((timezone.now() - state.last_frame_at).total_seconds(), 0)
    return f"最近一帧在 {seconds:.0f} 秒前"


STEPS: tuple[CheckStep[Any], ...] = (
    COMPLETE,
    CheckStep("enabled", "已启用", check_enabled, f"{IN_ADMIN}打开「启用」后保存。"),
    CheckStep("stream_push", "使用流式推送", check_stream_push, f"{IN_ADMIN}打开「使用流式推送」后保存。", ("complete",)),
    CheckStep("ai_config", "AI配置", check_ai_config, "在「系统配置」中启用并补全这个模型配置，或在钉钉配置中不选 AI 配置（离线模式）。"),
)  # fmt: skip

WORKER = CheckStep(
    "worker", "推送服务", check_worker, f"启动 {COMMAND}；已启动时查看 logs/bifang.log 中带 dingtalk 的行。"
)
