"""Is one configuration complete, enabled and served by a worker?"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.utils import timezone

from bifang.channels.models import ClientState, ClientStatus
from bifang.channels.workers.connection_health import WorkerService, describe_echo, is_mute, live_states
from bifang.core.configuration import configs
from bifang.core.configuration.trials import (
    COMPLETE,
    IN_ADMIN,
    CheckStep,
    Destination,
    Failure,
    Skip,
    Tryout,
    in_thread,
)
from bifang.core.models import SystemConfig


@dataclass(slots=True)
class ChannelTrial(Tryout):
    """A configuration of a channel. ``service``: who serves it."""

    service: ClassVar[WorkerService]

    @property
    def destination(self) -> Destination:
        """The endpoint."""
        return Destination(self.ready.endpoint, self.ready.proxy)

    @property
    def wants_connection(self) -> bool:
        """Is the switch on?"""
        return bool(getattr(self.ready, self.service.switch))


async def check_enabled(subject: ChannelTrial) -> str:
    """Switched on."""
    if not subject.row.enabled:
        raise Failure("这个配置没有启用，不会连接。")
    return "已启用"


async def check_switch(subject: ChannelTrial) -> str:
    """Whether it wants a connection: where it does not, what it does instead."""
    return "已开启" if subject.wants_connection else subject.service.unconnected


async def check_ai_config(subject: ChannelTrial) -> str:
    """The linked configurations of models can be used. None is linked: offline mode."""
    row = subject.row
    linked = [each for each in (row.ai_config, row.ai_fallback) if each is not None]
    found = [await in_thread(partial(_usable, each)) for each in linked]
    return "，其次".join(found) or "没有选择，使用离线模式"


def _usable(ai: SystemConfig) -> str:
    if ai.archived_at is not None or not ai.enabled:
        raise Failure(f"AI配置「{ai.name}」（ID {ai.pk}）没有启用。")
    return f"「{ai.name}」，模型 {configs.load(ai).model or '（还没有选择）'}"


async def check_worker(subject: ChannelTrial) -> str:
    """A worker serves this configuration and is connected."""
    service, pk = subject.service, subject.row.pk
    if pk is None:
        raise Skip(f"保存后由{service.label}连接")
    states, workers = await in_thread(lambda: (live_states(pk), service.workers_of(pk)))
    if workers and subject.settings is not None and not subject.wants_connection:
        return f"由进程 {workers[0].owner} 回答；{service.unconnected}"
    if not states:
        if workers:
            raise Failure(
                f"工作进程 {workers[0].owner} 在运行，但还没有处理这个配置。",
                f"刚启动或刚修改配置时，几秒后再检查一次；配置没有启用或没有「{service.switch_label}」时不会连接。",
            )
        raise Failure(f"没有正在运行的{service.label}（15 秒内没有心跳）。")
    return await in_thread(partial(_connected, service, states[0]))  # asks the database for its clock


def _connected(service: WorkerService, best: ClientState) -> str:
    if best.status != ClientStatus.CONNECTED:
        reason = f"：{best.last_error}" if best.last_error else "。"
        raise Failure(f"工作进程 {best.owner} 没有连上，状态「{best.get_status_display()}」{reason}")
    echo = describe_echo(best)
    if is_mute(service, best):
        raise Failure(
            f"工作进程 {best.owner} 显示已连接，但{echo}。",
            f"查看 logs/bifang.log 中带 {service.kind} 的行；收到的消息处理不完时会这样，网络中断时几十秒内会自动重连。",
        )
    return f"已连接（进程 {best.owner}），{echo}，{_last_frame(best)}，共收到 {best.messages_received} 条"


def _last_frame(state: ClientState) -> str:
    if state.last_frame_at is None:
        return "还没有收到过数据"
    seconds = max((timezone.now() - state.last_frame_at).total_seconds(), 0)
    return f"最近一帧在 {seconds:.0f} 秒前"


def steps_before(service: WorkerService) -> tuple[CheckStep[Any], ...]:
    """What needs no network."""
    switch, title = service.switch_label, service.title
    return (
        COMPLETE,
        CheckStep("enabled", "已启用", check_enabled, f"{IN_ADMIN}打开「启用」后保存。"),
        CheckStep(
            service.switch.removeprefix("use_"), switch, check_switch, f"{IN_ADMIN}打开「{switch}」后保存。", ("complete",)
        ),
        CheckStep(
            "ai_config", "AI配置", check_ai_config,
            f"在「系统配置」中启用并补全这个模型配置，或在{title}配置中不选AI配置（离线模式）。",
        ),
    )  # fmt: skip


def worker_step(service: WorkerService) -> CheckStep[Any]:
    """The last one."""
    remedy = f"启动 {service.command}；已启动时查看 logs/bifang.log 中带 {service.kind} 的行。"
    return CheckStep("worker", "推送服务", check_worker, remedy)
