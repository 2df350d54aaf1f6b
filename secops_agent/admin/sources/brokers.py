"""消息流: how each stands, how it is tried, and its dead letters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import NOTHING, RecordScreen, ago, badge, cell, column, moment, shortened
from bifang.core.admin.kind_pages import KIND_PAGES, Fact, KindPage, Live
from bifang.core.admin.panels import Step
from bifang.core.admin.trying import Checkup
from bifang.core.configuration.trials import COMPLETE, CheckStep, Destination, Skip, Tryout
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.outbound.reach import REACH, check_tls
from secops_agent.admin.inventory import actor_of
from secops_agent.admin.sources.unmerged import apart_facts
from secops_agent.brokers import dead_letters
from secops_agent.brokers.base import opened
from secops_agent.brokers.clients import client_for
from secops_agent.brokers.config import KIND, BrokerSettings
from secops_agent.brokers.health import COMMAND
from secops_agent.brokers.standing import live_consumers
from secops_agent.models import BrokerConsumer, BrokerLetter, ConsumerStatus, LetterState
from secops_agent.services.intake.deliveries import count_dead

TONES = {
    ConsumerStatus.CONNECTED: "ok", ConsumerStatus.CONNECTING: "info", ConsumerStatus.RETRYING: "warn",
    ConsumerStatus.PARKED: "bad",
}  # fmt: skip
LETTER_TONES = {LetterState.TRYING: "warn", LetterState.DEAD: "bad"}
MOST_SHOWN = 4000
TRIAL_S = 12.0


class BrokerTrial(Tryout):
    """A message broker."""

    @property
    def destination(self) -> Destination:
        """In the words of the steps that look at the way there."""
        found = self.ready
        return Destination(f"{'https' if found.secure else 'http'}://{found.host}:{found.port}", ca=found.ca)

    def describe(self) -> str:
        """Without the password."""
        found = self.ready
        return f"{found.url}，主题 {found.topic}，消费者组 {found.group}"


async def check_broker_tls(trial: Tryout) -> str:
    """Only Redis begins with it."""
    if not trial.ready.is_redis:
        raise Skip("Kafka 在登录时检查" if trial.ready.is_kafka else "NATS 先打招呼再加密，在登录时检查")
    return await check_tls(trial)


async def log_in(trial: Tryout) -> str:
    """Connects with the credentials."""
    async with opened(client_for(trial.ready, "bifang-test")):
        return "登录成功"


async def look(trial: Tryout) -> str:
    """What is there; nothing is taken, no group is made."""
    async with opened(client_for(trial.ready, "bifang-test")) as client:
        return await client.look()


_WAY = tuple(
    replace(step, needs=("complete",) if step.name == "dns" else step.needs,
            run=check_broker_tls if step.name == "tls" else step.run)
    for step in REACH
    if step.name != "proxy"
)  # fmt: skip
_STEPS: Sequence[CheckStep[Any]] = (
    COMPLETE, *_WAY,
    CheckStep("login", "登录", log_in, "核对地址的协议（nats、tls、redis、rediss）、用户名、密码和 CA 证书。", ("tls",), TRIAL_S),
    CheckStep("topic", "主题", look, "核对主题；NATS 上要先有一个包含它的 JetStream 流。", ("login",), TRIAL_S),
)  # fmt: skip
_CHECKUP: Final = Checkup(BrokerTrial, lambda: [("", _STEPS)], "只看主题在不在，不取消息，也不建立消费者组。")


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each."""
    live = live_consumers(config.pk for config in configs)
    return {config.pk: _live(config, live.get(config.pk, ())) for config in configs}


def _live(config: SystemConfig, rows: Sequence[BrokerConsumer]) -> Live:
    fresh = [row for row in rows if row.updated_at >= config.updated_at]
    if not config.enabled:
        return Live("未启用", "idle", "打开「启用」并保存后开始取消息")
    if not fresh:
        starting = Live("正在连接", "info", "几秒内开始")
        gone = Live("没有进程在取", "bad", f"请启动 {COMMAND}", config.last_error, config.last_error_at)
        return starting if rows else gone
    best = fresh[0]
    status = ConsumerStatus(best.status)
    connected = status == ConsumerStatus.CONNECTED
    return Live(
        str(status.label), TONES[status], " · ".join(_details(config, best, fresh)),
        "" if connected else best.last_error, None if connected else best.last_error_at,
    )  # fmt: skip


def _details(config: SystemConfig, best: BrokerConsumer, rows: Sequence[BrokerConsumer]) -> Iterable[str]:
    if best.status == ConsumerStatus.PARKED:
        yield "改正后保存，保存即重试"
    if best.retry_at:
        yield f"第 {best.attempts} 次，下次 {timezone.localtime(best.retry_at):%H:%M:%S}"
    if best.status == ConsumerStatus.CONNECTED:
        yield f"积压 {'未知' if best.lag is None else best.lag}"
    if dead := count_dead(config.pk):
        yield f"死信 {dead}"
    if len(rows) > 1:
        yield f"{len(rows)} 个进程"


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """What waits, what came, what was left to people."""
    rows = live_consumers([config.pk]).get(config.pk, ())
    newest = max((row.last_message_at for row in rows if row.last_message_at), default=None)
    known = [row for row in rows if row.status == ConsumerStatus.CONNECTED]
    return [
        ("积压", _waiting(known[0]) if known else "未知，没有连接"),
        ("最近消息", ago(newest) if newest else "这些进程启动以来还没有"),
        ("本次启动以来", f"{sum(row.taken for row in rows)} 条，{len(rows)} 个进程"),
        ("死信", _letters_link(config)),
        ("告警", _alerts_link(config)),
        *apart_facts(config.pk),
    ]


def _waiting(row: BrokerConsumer) -> str:
    lag = "未知" if row.lag is None else f"{row.lag} 条没有取"
    return f"{lag}，{row.pending or 0} 条取了没有确认"


def _letters_link(config: SystemConfig) -> SafeString:
    query = urlencode({"config__id__exact": config.pk, "state__exact": LetterState.DEAD.value})
    page = f"{reverse('admin:secops_agent_brokerletter_changelist')}?{query}"
    return format_html('<a class="bf-link" href="{}">{} 条</a>', page, count_dead(config.pk))


def _alerts_link(config: SystemConfig) -> SafeString:
    source = BrokerSettings(config.pk, config.name, "", "", "").source
    query = urlencode({"tab": "all", "source": source})
    return format_html('<a class="bf-link" href="{}?{}">来源 {}</a>', reverse("web:alerts"), query, source)


def guide(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """Switched on, a process, a first message."""
    yield Step("启用这个配置", "打开「启用」再保存。", config.enabled)
    rows = live_consumers([config.pk]).get(config.pk, ())
    yield Step(
        "启动取消息的进程", f"在服务器上启动 {COMMAND}（deploy/ 里有 bifang-consume 的文件）。", bool(rows)
    )


KIND_PAGES.add(KindPage(kind=KIND, watch=watch, facts=facts, guide=guide, checkup=_CHECKUP))


@admin.register(BrokerLetter)
class BrokerLetterScreen(RecordScreen):
    """Messages that could not be stored: a person mends what was wrong and has them tried again, or throws them away."""

    purpose = "没能写入的消息。改正配置或格式后可以重试；没有用的丢弃。消息流里的其他消息不受影响。"
    when_empty = "没有死信：取到的消息都已写入。"
    way = ("core.systemconfig", "消息流的配置")
    list_display = ("position", "stream", "state_badge", "why", "size", "tries", "came", "failed")
    list_filter = ("state", "config", "failed_at")
    list_select_related = ("config",)
    search_fields = ("position", "error")
    search_help_text = "按消息编号或原因搜索"
    ordering = ("-id",)
    fields = ("position", "stream", "state_badge", "whole_reason", "size", "tries", "came", "failed", "text")
    actions = ("try_again", "throw_away")
    change_form_outer_before_template = "admin/secops_agent/letter_acts.html"

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the list's actions, for this one."""
        place = reverse("admin:secops_agent_brokerletter_changelist")
        letter = row if self.has_operate_permission(request) else None
        return {"letter": letter, "box": ACTION_CHECKBOX_NAME, "list_url": place}

    def get_queryset(self, request: HttpRequest) -> QuerySet[BrokerLetter]:
        """The payload is only read on the page of one."""
        rows: QuerySet[BrokerLetter] = super().get_queryset(request)
        single = request.resolver_match and "object_id" in request.resolver_match.kwargs
        return rows if single else rows.defer("payload")

    stream = cell(
        "消息流",
        lambda row: f"{row.config}（已归档）" if row.config.archived_at else str(row.config),
        ordering="config",
    )

    state_badge = cell(
        "状态",
        lambda row: badge(str(LetterState(row.state).label), LETTER_TONES[LetterState(row.state)]),
        ordering="state",
    )

    why = cell("原因", lambda row: shortened(row.error, 60))

    whole_reason = cell(
        "原因", lambda row: format_html('<div class="bf-error">{}</div>', row.error) if row.error else NOTHING
    )

    came = column("received_at", "进入消息流的时间", moment, ordering="received_at")
    failed = column("failed_at", "最近失败", moment, ordering="failed_at")

    @admin.display(description="原文")
    def text(self, row: BrokerLetter) -> SafeString | str:
        """Its beginning; what is no text is shown as such."""
        body = bytes(row.payload)
        kept = visible(body[:MOST_SHOWN].decode("utf-8", "backslashreplace"))
        note = f"…… 共 {row.size} 字节，保存了前 {len(body)} 字节" if row.size > MOST_SHOWN else ""
        return format_html('<pre class="bf-json">{}</pre><span class="bf-note">{}</span>', kept, note)

    @admin.action(description="重试", permissions=["operate"])
    @asked_once(
        "按现在的配置再导入一次：成功的从这里消失，不成功的写明原因。已经导入过的部分不会重复。只保存了一部分原文的不能重试。"
    )
    def try_again(self, request: HttpRequest, queryset: QuerySet[BrokerLetter]) -> None:
        """At once."""
        self._each(request, queryset, dead_letters.try_again, "导入")

    @admin.action(description="丢弃", permissions=["operate"])
    @asked_once("这些消息不会再导入，原文也不保留；丢弃记入审计。")
    def throw_away(self, request: HttpRequest, queryset: QuerySet[BrokerLetter]) -> None:
        """For good."""
        self._each(request, queryset, dead_letters.drop, "丢弃")

    def _each(self, request: HttpRequest, queryset: QuerySet[BrokerLetter], act: Any, word: str) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        try:
            done = act(ids, actor_of(request))
        except BifangError as error:
            messages.error(request, error.message)
            return
        if done:
            messages.success(request, f"已{word} {done} 条。")
        if len(ids) > done:
            messages.warning(request, f"{len(ids) - done} 条没有变化：原因写在每一条里；重试中的不用处理。")
