"""Who is told of which alerts: rules, their targets, the groups that the robot knows, and what was told."""

import uuid
from datetime import datetime
from functools import cached_property

from django.db import models
from django.db.models import F, Q

from bifang.channels.models import KnownGroup
from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import SealedField
from secops_agent.models.alerting.alert import Alert
from secops_agent.models.choices import Severity
from secops_agent.models.people.on_call import OnCallSchedule
from secops_agent.models.people.staff import Role, Staff


def _fresh_uid() -> str:
    return uuid.uuid4().hex


class NotificationRule(models.Model):
    """Which alerts go where. The JSON fields hold what `services.notifications.rules` reads and checks.

    ``group``: from how many alerts within how many seconds they are one message. ``escalate`` lists the minutes before each step of escalation, ``repeat`` says how often all of them are taken again.
    ``ends_at`` and ``owner`` are of what somebody watches for a while (`services.notifications.watches`).
    """

    name = models.CharField("名称", max_length=100, unique=True)
    enabled = models.BooleanField("启用", default=True)
    conditions = models.JSONField("条件", default=dict, blank=True)
    hours = models.JSONField("时间", default=dict, blank=True)
    group = models.JSONField("归并", default=dict, blank=True)
    escalate = models.JSONField("升级", default=list, blank=True)
    repeat = models.PositiveSmallIntegerField("重复升级", default=0)
    ends_at = models.DateTimeField("到期", null=True, blank=True)
    owner = models.ForeignKey(
        Staff, verbose_name="设置人", null=True, blank=True, on_delete=models.CASCADE, related_name="watches"
    )
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "通知规则"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TargetKind(models.TextChoices):
    """Where something is told."""

    GROUP = "group", "群"
    PERSON = "person", "个人"
    ON_CALL = "on_call", "值班人"
    NEXT = "next", "下一位值班人"
    ROLE = "role", "角色的每个人"
    WEBHOOK = "webhook", "自定义机器人"
    GATEWAY = "gateway", "语音/短信网关"


class CallMeans(models.TextChoices):
    """By what somebody is called; the first word is the platform's, the second how loud it is."""

    DING_APP = "ding_app", "DING 应用内"
    DING_SMS = "ding_sms", "DING 短信"
    DING_CALL = "ding_call", "DING 电话"
    URGENT_APP = "urgent_app", "加急 应用内"
    URGENT_SMS = "urgent_sms", "加急 短信"
    URGENT_CALL = "urgent_call", "加急 电话"
    GATEWAY = "gateway_call", TargetKind.GATEWAY.label


class NotificationTarget(models.Model):
    """One target of a rule, or of one of its steps of escalation (``step``: its number from 0; None: at once).

    A custom robot has ``url`` (with its token) and ``secret``; ``conversation_id`` is then the digest of its address, by
    which it is known, and ``config`` the organisation that it speaks for. ``next_try_at``: DingTalk refused the last
    message, and what there is to tell waits; None with ``last_error``: it leads nowhere at the moment. ``by``: the one it
    leads to is called, too; a gateway only calls.
    """

    rule = models.ForeignKey(NotificationRule, on_delete=models.CASCADE, related_name="targets")
    step = models.PositiveSmallIntegerField("升级步骤", null=True, blank=True)
    kind = models.CharField("种类", max_length=8, choices=TargetKind.choices)
    config = models.ForeignKey(
        SystemConfig,
        verbose_name="聊天配置",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    conversation_id = models.CharField("群", max_length=200, blank=True, default="")
    staff = models.ForeignKey(
        Staff, verbose_name="人员", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    schedule = models.ForeignKey(
        OnCallSchedule,
        verbose_name="值班表",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    name = models.CharField("机器人名称", max_length=100, blank=True, default="")
    role = models.CharField("角色", max_length=10, choices=Role.choices, blank=True, default="")
    uid = models.CharField(max_length=32, default=_fresh_uid, editable=False, unique=True)
    url = SealedField("机器人地址", null=True, blank=True, bound_to=("uid",))
    secret = SealedField("加签密钥", null=True, blank=True, bound_to=("uid",))
    by = models.CharField(
        "怎么叫", max_length=12, choices=CallMeans.choices, blank=True, default="", db_default=""
    )
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)
    next_try_at = models.DateTimeField("下次尝试", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "通知目标"
        ordering = ["rule", "step", "id"]

    def __str__(self) -> str:
        robot = self.kind == TargetKind.WEBHOOK
        place = self.name if robot else self.conversation_id or self.staff or self.schedule or ""
        return f"规则「{self.rule}」→ {self.get_kind_display()} {place}".strip()

    def group_now(self) -> KnownGroup | None:
        """The group, once somebody there has spoken to the robot."""
        return KnownGroup.objects.filter(config=self.config_id, conversation_id=self.conversation_id).first()

    @cached_property
    def known_group(self) -> KnownGroup | None:
        """`group_now`, looked up once of a row, which pages name several times."""
        return self.group_now()


class MessageState(models.TextChoices):
    """Where a message about alerts stands."""

    WAITING = "waiting", "待发送"
    SHOWN = "shown", "已发送"
    HELD = "held", "已合并或留存"
    UNDELIVERABLE = "undeliverable", "无法送达"
    UNKNOWN = "unknown", "结果未知"
    ENDED = "ended", "已结束"


class Burst(models.TextChoices):
    """What many messages have in common that one message tells instead."""

    NONE = "", "不归并"
    RULE = "rule", "同一条检测规则"
    CROWD = "crowd", "短时间很多"
    LATE = "late", "积压后补发"
    RISEN = "risen", "级别升高"
    CHANGED = "changed", "处理进展"


class AlertMessage(models.Model):
    """What one destination is told of one group of alerts: one message, which follows what becomes of them.

    ``burst``: it tells of many groups instead of their own messages, whose ``summary`` it is; ``joined_at`` is when the
    last one came to it. ``burst_key``: the digest of the notification rule and the detection rule. ``level``: the gravest
    severity that was told.

    ``wanted`` counts what there is to tell, ``shown`` what was told: there is something to do while they differ.
    ``sla`` is what it has to say of a time limit, as rules name it. ``destination`` and ``group_key`` are digests; two
    rules with the same target share the message. ``summary``: the message that counts this one instead (a burst, a digest,
    what a silence held back: then ``silence`` names it). ``staff``: the one it goes to where the target stands for several.
    ``told_to`` and ``told_at``: who was told first, and when.
    """

    target = models.ForeignKey(NotificationTarget, on_delete=models.CASCADE, related_name="messages")
    destination = models.CharField(max_length=32)
    group_key = models.CharField(max_length=32)
    burst = models.CharField("归并", max_length=8, choices=Burst.choices, blank=True, default="")
    burst_key = models.CharField(max_length=32, blank=True, default="")
    level = models.CharField(max_length=10, blank=True, default="")
    joined_at = models.DateTimeField("最近归并", null=True, blank=True)
    kind = models.CharField(
        "种类",
        max_length=10,
        choices=[
            ("group", "告警"),
            ("digest", "汇总"),
            ("escalation", "升级"),
            ("silence", "静默小结"),
        ],
        default="group",
    )
    alerts = models.ManyToManyField(
        Alert, verbose_name="告警", through="AlertMessageItem", related_name="messages"
    )
    state = models.CharField(
        "状态", max_length=14, choices=MessageState.choices, default=MessageState.WAITING
    )
    wanted = models.PositiveIntegerField(default=1)
    shown = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField("开始")
    due_at = models.DateTimeField("最早发送时间")
    sent_at = models.DateTimeField("最近发送", null=True, blank=True)
    staff = models.ForeignKey(
        Staff, verbose_name="人员", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    told_to = models.CharField("告诉了谁", max_length=200, blank=True, default="")
    told_at = models.DateTimeField("最先发送", null=True, blank=True)
    digest = models.CharField(max_length=32, blank=True, default="")
    sla = models.CharField(max_length=12, blank=True, default="")
    reason = models.CharField("原因", max_length=300, blank=True, default="")
    summary = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="held")
    silence = models.ForeignKey(
        "Silence", null=True, blank=True, on_delete=models.CASCADE, related_name="messages"
    )

    class Meta:
        verbose_name = verbose_name_plural = "告警消息"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="alert_message_due", condition=Q(wanted__gt=F("shown"))),
            models.Index(fields=["destination", "group_key", "-opened_at"], name="alert_message_group"),
            models.Index(fields=["destination", "opened_at"], name="alert_message_place"),
            models.Index(fields=["kind", "state"], name="alert_message_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def first_sent_at(self) -> datetime | None:
        """When it was told; a change of what it says moves only `sent_at`."""
        return self.told_at or self.sent_at

    @property
    def updated_at(self) -> datetime | None:
        """When what it says was changed last; None: it was not."""
        first, last = self.first_sent_at, self.sent_at
        return last if first and last and last > first else None


class AlertMessageItem(models.Model):
    """An alert that a message tells of."""

    message = models.ForeignKey(AlertMessage, on_delete=models.CASCADE, related_name="items", db_index=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "消息中的告警"
        constraints = [models.UniqueConstraint(fields=["message", "alert"], name="alert_message_item_once")]

    def __str__(self) -> str:
        return f"{self.message_id}:{self.alert_id}"


class Escalation(models.Model):
    """What happens next while nobody takes a group of alerts in hand; ``step`` is the next one, from 0.

    ``round``: how often all steps were taken. One that ended because there was nothing open (`TAKEN`, `RESOLVED`) begins
    anew with something that is.
    """

    TAKEN = "已有人处理"
    RESOLVED = "来源报告已恢复"

    rule = models.ForeignKey(NotificationRule, on_delete=models.CASCADE, related_name="escalations")
    message = models.ForeignKey(AlertMessage, on_delete=models.CASCADE, related_name="escalations")
    step = models.PositiveSmallIntegerField("下一步", default=0)
    round = models.PositiveSmallIntegerField("第几轮", default=0)
    next_at = models.DateTimeField("下一步时间", null=True, blank=True)
    ended = models.CharField("结束原因", max_length=100, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "升级"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["rule", "message"], name="escalation_once")]
        indexes = [
            models.Index(fields=["next_at"], name="escalation_next", condition=Q(next_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.step}"


class Silence(models.Model):
    """Messages about what it covers are held back and counted; alerts stay in every list. Scope ``all`` covers everything.

    ``worst``: the gravest level that was known of what it covers when it was made: what is graver is told all the same; "" for all levels."""

    scope = models.CharField(
        "范围",
        max_length=8,
        choices=[
            ("alert", "一条告警"), ("asset", "资产"), ("tag", "资产标签"), ("source", "来源"), ("rule", "规则"), ("rule_on", "资产上的规则"),
            ("all", "全部"),
        ],
    )  # fmt: skip
    value = models.CharField("对象", max_length=300, blank=True, default="")
    starts_at = models.DateTimeField("开始")
    ends_at = models.DateTimeField("结束")
    reason = models.CharField("原因", max_length=300, blank=True, default="")
    made_by = models.CharField("设置人", max_length=200)
    maker = models.ForeignKey(Staff, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    held = models.PositiveIntegerField("留存消息", default=0)
    worst = models.CharField(
        "静默到的级别", max_length=8, choices=Severity.choices, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField("创建时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "静默"
        ordering = ["-ends_at"]
        indexes = [models.Index(fields=["ends_at"], name="silence_end")]

    def __str__(self) -> str:
        if self.scope == "alert":
            return f"告警 A{self.value}"
        return f"{self.get_scope_display()} {self.value}".strip()

    def takes(self, severity: str) -> bool:
        """Does it hold back what is of this level?"""
        order = Severity.values
        return not self.worst or order.index(severity) >= order.index(self.worst)
