"""The durable inbox and outbox. Rows are written only by the modules beside this one."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import SealedField


class State(models.TextChoices):
    """Where a row stands. A dead row is shown with its reason and blocks no one.

    Unknown: no answer came, sending it again might say it twice, and nobody waits for it.
    """

    PENDING = "pending", "等待"
    CLAIMED = "claimed", "处理中"
    DONE = "done", "已完成"
    DEAD = "dead", "死信"
    UNKNOWN = "unknown", "结果未知"


OPEN = (State.PENDING, State.CLAIMED)
RETRIED = Q(state__in=OPEN, attempts__gt=0)  # it failed and is tried again
ON_ITS_WAY, TRIED_AGAIN = "发送中", "正在重试"


class ClaimableRow(models.Model):
    """A row that one process works on at a time, and until when (`claims`). The concrete model has a ``state``.

    ``token`` fences: a process writes only where it is still the one it was given. ``free`` and ``taken``: what its
    states before and during a claim are called.
    """

    free: ClassVar[str] = "pending"
    taken: ClassVar[str] = "claimed"

    owner = models.CharField("处理进程", max_length=80, blank=True, default="")
    token = models.CharField(max_length=64, blank=True, default="")
    claimed_until = models.DateTimeField("领取到期", null=True, blank=True)

    class Meta:
        abstract = True


class BoxRow(ClaimableRow):
    """Common to both boxes: what keeps their rows in order, how often one failed and why."""

    # No index of its own, here or below, where another one begins with the column or nobody looks: every
    # index is written again for every message.
    config = models.ForeignKey(
        SystemConfig, verbose_name="配置", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    order_key = models.CharField(max_length=32, editable=False)
    state = models.CharField("状态", max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField("尝试次数", default=0)
    not_before = models.DateTimeField("最早处理时间", null=True, blank=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)

    class Meta:
        abstract = True


class InboxRow(BoxRow):
    """One thing received. (config, kind, external_id) is unique: delivered three times, stored once."""

    kind = models.CharField(
        "种类", max_length=8, choices=[("chat", "消息"), ("event", "事件"), ("card", "卡片")]
    )
    external_id = models.CharField("消息 ID", max_length=200)
    conversation_id = models.CharField("会话", max_length=200, blank=True, default="")
    sender_id = models.CharField("发送人", max_length=200, blank=True, default="")
    is_group = models.BooleanField("群聊", default=False)
    urgent = models.BooleanField("优先", default=False)
    text = models.TextField("内容", blank=True, default="")
    payload = models.JSONField("数据", default=dict, blank=True)
    target = models.JSONField("回复地址", null=True, blank=True)
    webhook = SealedField(null=True, blank=True, bound_to=("config_id", "kind", "external_id"))
    webhook_expires_at = models.DateTimeField(null=True, blank=True)
    unreadable = SealedField(null=True, blank=True, bound_to=("config_id", "kind", "external_id"))
    received_at = models.DateTimeField("收到时间")
    said_ms = models.BigIntegerField(default=0, db_default=0, editable=False)
    told_at = models.DateTimeField("告知排队时间", null=True, blank=True)
    handled_at = models.DateTimeField("完成时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "收件箱"
        ordering = ["-id"]
        permissions = [("read_private_text", "可以查看聊天内容")]
        constraints = [
            models.UniqueConstraint(fields=["config", "kind", "external_id"], name="inbox_once"),
        ]
        indexes = [
            models.Index(fields=["order_key", "id"], name="inbox_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["state", "id"], name="inbox_state"),
            models.Index(fields=["handled_at"], name="inbox_handled"),
            models.Index(
                fields=["webhook_expires_at"], name="inbox_webhook", condition=Q(webhook__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class OutboxRow(BoxRow):
    """One message to send. ``key`` is unique and stable: the same part of the same turn is one row.

    Rows with the same ``card`` are one card, where the channel has cards: each shows how it stands now.
    """

    inbox = models.ForeignKey(
        InboxRow, verbose_name="来自", null=True, on_delete=models.SET_NULL, related_name="replies"
    )
    key = models.CharField("标识", max_length=120)
    title = models.CharField("标题", max_length=200, blank=True, default="")
    text = models.TextField("内容")
    buttons = models.JSONField("按钮", null=True, blank=True)
    card = models.CharField("卡片", max_length=60, blank=True, default="")
    file_name = models.CharField("文件", max_length=200, blank=True, default="")
    file = models.BinaryField(null=True)  # erased when it has been sent
    at_staff_id = models.CharField("@谁", max_length=100, blank=True, default="")
    target = models.JSONField("地址", default=dict)
    webhook = SealedField(null=True, blank=True, bound_to=("key",))
    webhook_expires_at = models.DateTimeField(null=True, blank=True)
    route = models.CharField("途径", max_length=10, blank=True, default="")
    receipt = models.CharField("回执", max_length=200, blank=True, default="")
    created_at = models.DateTimeField("创建时间")
    sent_at = models.DateTimeField("送达时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "发件箱"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["key"], name="outbox_once")]
        indexes = [
            models.Index(fields=["order_key", "id"], name="outbox_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["state", "id"], name="outbox_state"),
            models.Index(fields=["sent_at"], name="outbox_sent"),
            models.Index(fields=["card"], name="outbox_card", condition=~Q(card="")),
            models.Index(
                fields=["webhook_expires_at"], name="outbox_webhook", condition=Q(webhook__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def standing(self) -> str:
        """Where it stands, as every page, chat and API says it."""
        if self.state in OPEN:
            return TRIED_AGAIN if self.attempts else ON_ITS_WAY
        return {State.DONE: "已发送", State.DEAD: "无法送达"}.get(State(self.state), State.UNKNOWN.label)

    @property
    def said(self) -> str:
        """What its reader gets: the file, where one can go, else the words."""
        return self.text if not self.file_name or self.target.get("robot") else f"文件「{self.file_name}」"


class GroupState(models.TextChoices):
    """Whether data goes to a group; who asks among outsiders is told why not."""

    OPEN = "open", "可推送"
    OUTSIDERS = "outsiders", "有外部人员"
    REMOVED = "removed", "已移除"


def nameless_group(conversation_id: str) -> str:
    """What a group is called while its name is not known."""
    return f"未知群名（…{conversation_id[-6:]}）"


class KnownGroup(models.Model):
    """A group in which somebody of the own corporation wrote to the robot; ``learned_by`` is who did so first.

    ``state_event`` identifies what stopped the pushing, so that it is told of once.
    """

    config = models.ForeignKey(
        SystemConfig, verbose_name="聊天配置", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    conversation_id = models.CharField("会话 ID", max_length=200)
    title = models.CharField("群名", max_length=200, blank=True, default="")
    corp_id = models.CharField("企业", max_length=100, blank=True, default="")
    learned_at = models.DateTimeField("得知时间")
    learned_by = models.CharField("由谁得知", max_length=200, blank=True, default="")
    learned_by_id = models.CharField("他的员工 ID", max_length=100, blank=True, default="")
    last_seen_at = models.DateTimeField("最近发言")
    state = models.CharField("推送", max_length=10, choices=GroupState.choices, default=GroupState.OPEN)
    state_at = models.DateTimeField("变化时间", null=True, blank=True)
    state_reason = models.CharField("原因", max_length=300, blank=True, default="")
    state_event = models.CharField(max_length=200, blank=True, default="", editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "已知的群"
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(fields=["config", "conversation_id"], name="known_group_once"),
        ]

    def __str__(self) -> str:
        return self.title or nameless_group(self.conversation_id)


# What the `kind` of a process is that serves no chats.
WEB, TASKS, SYSLOG, CONSUME = NOT_CHATS = ("web", "tasks", "syslog", "consume")


class WorkerSet(models.QuerySet["Worker"]):
    """Rows of processes."""

    def chats(self) -> "WorkerSet":
        """Those that take and answer messages."""
        return self.exclude(kind__in=NOT_CHATS)


class Worker(models.Model):
    """A running process, alive while its heartbeat is fresh.

    It works for chat configurations of a ``kind`` ("": of any), ``scope`` is the one that it is restricted to; or it is
    one of `NOT_CHATS`.
    """

    owner = models.CharField("进程", max_length=80, primary_key=True)
    host = models.CharField("主机", max_length=200)
    pid = models.PositiveIntegerField("PID")
    kind = models.CharField("种类", max_length=32, blank=True, default="")
    scope = models.CharField("范围", max_length=40, blank=True, default="")
    started_at = models.DateTimeField("启动时间")
    heartbeat_at = models.DateTimeField("心跳")
    running = models.PositiveIntegerField("进行中", default=0)
    waiting = models.PositiveIntegerField("排队", default=0)

    objects = WorkerSet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "工作进程"

    def __str__(self) -> str:
        return self.owner


class ClientStatus(models.TextChoices):
    """The states of a stream client."""

    CONNECTING = "connecting", "正在连接"
    CONNECTED = "connected", "已连接"
    RETRYING = "retrying", "重试中"
    PARKED = "parked", "凭证错误"
    STOPPED = "stopped", "已停止"


class ClientState(models.Model):
    """One configuration's connection in one worker process; fresh while ``updated_at`` is."""

    config = models.ForeignKey(
        SystemConfig, verbose_name="配置", on_delete=models.CASCADE, related_name="client_states"
    )
    owner = models.CharField("工作进程", max_length=80)
    status = models.CharField("状态", max_length=12, choices=ClientStatus.choices)
    since = models.DateTimeField("自")
    last_frame_at = models.DateTimeField("最近一帧", null=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True)
    messages_received = models.PositiveBigIntegerField("收到消息", default=0)
    connections = models.PositiveSmallIntegerField("连接数", default=0)
    answered_at = models.DateTimeField("最近心跳应答", null=True)
    round_trip_ms = models.PositiveIntegerField("心跳往返（毫秒）", null=True)
    attempts = models.PositiveIntegerField("连续失败", default=0)
    retry_at = models.DateTimeField("下次尝试", null=True)
    updated_at = models.DateTimeField("更新时间")

    class Meta:
        verbose_name = verbose_name_plural = "连接状态"
        constraints = [models.UniqueConstraint(fields=["config", "owner"], name="channels_client_once")]
        indexes = [models.Index(fields=["owner"], name="channels_client_owner")]

    def __str__(self) -> str:
        return f"{self.config}: {self.get_status_display()}"


class Outage(models.Model):
    """How long one configuration's connection has been down, and whether administrators know; one row for each.

    ``since``: None while it is there. ``told_at``: when somebody was last told, of this outage or an earlier one.
    ``problem``: why nobody could be told.
    """

    config = models.OneToOneField(
        SystemConfig, verbose_name="配置", on_delete=models.CASCADE, related_name="+"
    )
    since = models.DateTimeField("中断时间", null=True)
    told_at = models.DateTimeField("告知管理员的时间", null=True)
    problem = models.TextField("没有告知的原因", blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "连接中断"

    def __str__(self) -> str:
        return str(self.config)

    @property
    def known(self) -> bool:
        """Was somebody told of this one?"""
        return bool(self.since and self.told_at and self.told_at >= self.since)


from bifang.channels.cards.models import Card, CardState  # noqa: E402 - where Django looks for an application's models

__all__ = ["Card", "CardState"]
