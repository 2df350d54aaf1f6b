"""Is one configuration complete, enabled and served by a worker?"""

from dataclasses import dataclass, field
from functools import partial

from django.utils import timezone

from bifang.core import configs
from bifang.core.errors import SecretError
from bifang.core.http import Response
from bifang.core.models import SystemConfig
from dingtalk_integration.checks.steps import CheckStep, Failure, Skip, in_thread
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.health import COMMAND, describe_echo, is_mute, live_states, live_workers
from dingtalk_integration.models import ClientState, ClientStatus

IN_ADMIN = "在管理后台「系统配置」中打开这个配置，"
UNREADABLE_SECRET = (
    "先按「加密密钥」一项恢复密钥，或补上所引用的环境变量、文件；原来的密钥找不回来时，"
    f"{IN_ADMIN}重新填写 Client Secret 后保存。"
)


@dataclass(slots=True)
class CheckedConfig:
    """One configuration, and what its steps found for those that follow.

    ``answer``: DingTalk's answer to the request for an access token; ``answered_at`` our clock then, in epoch
    seconds, taken in the middle of the request. ``uri`` holds a ticket, a secret.
    """

    row: SystemConfig
    settings: DingTalkSettings | None = None
    proxy: str | None = None
    addresses: list[tuple[int, str]] = field(default_factory=list)
    answer: Response | None = None
    answered_at: float = 0.0

    @property
    def ready(self) -> DingTalkSettings:
        """The settings; every step that needs them names `complete` as a need."""
        if self.settings is None:
            raise Skip("配置不完整")
        return self.settings


async def check_complete(subject: CheckedConfig) -> str:
    """Everything required is filled in, secrets can be read. Fills in ``settings``."""
    try:
        settings: DingTalkSettings = await in_thread(lambda: configs.load(subject.row))
    except SecretError as error:
        raise Failure(error.message, UNREADABLE_SECRET) from None
    subject.settings = settings
    return f"Client ID {settings.client_id}，接入地址 {settings.endpoint}"


async def check_enabled(subject: CheckedConfig) -> str:
    """Switched on."""
    if not subject.row.enabled:
        raise Failure("这个配置没有启用，不会连接。")
    return "已启用"


async def check_stream_push(subject: CheckedConfig) -> str:
    """使用流式推送 is on."""
    if not subject.ready.use_stream_push:
        raise Failure("没有开启「使用流式推送」，不会建立 Stream 长连接。")
    return "已开启"


async def check_ai_config(subject: CheckedConfig) -> str:
    """The linked configurations of models can be used. None is linked: offline mode."""
    row = subject.row
    linked = [each for each in (row.ai_config, row.ai_fallback) if each is not None]
    found = [await in_thread(partial(_usable, each)) for each in linked]
    return "，其次".join(found) or "没有选择，使用离线模式"


def _usable(ai: SystemConfig) -> str:
    if ai.archived_at is not None or not ai.enabled:
        raise Failure(f"AI 配置「{ai.name}」（ID {ai.pk}）没有启用。")
    return f"「{ai.name}」，模型 {configs.load(ai).model or '（还没有选择）'}"


async def check_worker(subject: CheckedConfig) -> str:
    """A worker serves this configuration and is connected."""
    states, workers = await in_thread(lambda: (live_states(subject.row.pk), live_workers(subject.row.pk)))
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


STEPS: tuple[CheckStep[CheckedConfig], ...] = (
    CheckStep("complete", "配置完整", check_complete, f"{IN_ADMIN}补全后保存。"),
    CheckStep("enabled", "已启用", check_enabled, f"{IN_ADMIN}打开「启用」后保存。"),
    CheckStep("stream_push", "使用流式推送", check_stream_push, f"{IN_ADMIN}打开「使用流式推送」后保存。", ("complete",)),
    CheckStep("ai_config", "AI配置", check_ai_config, "在「系统配置」中启用并补全这个模型配置，或在钉钉配置中不选 AI 配置（离线模式）。"),
)  # fmt: skip

WORKER = CheckStep(
    "worker", "推送服务", check_worker, f"启动 {COMMAND}；已启动时查看 logs/bifang.log 中带 dingtalk 的行。"
)
