"""Alerts, what they concern, and their single occurrences."""

from django.db import models
from django.db.models import F, Q, When
from django.db.models.functions import Coalesce

from secops_agent.models.alerting.case import Case, CaseStatus
from secops_agent.models.alerting.suppression import SuppressionRule
from secops_agent.models.choices import AlertStatus, IndicatorKind, Outcome, Severity, Verdict
from secops_agent.models.estate.asset import Asset
from secops_agent.models.people.staff import Staff


class Alert(models.Model):
    """One alert of one source; repeats are occurrences of it.

    ``closed_by``: who of the staff closed it; None: nobody, or not known. ``closed_by_source`` tells that the source
    itself reported the end, ``closed_via`` by which API token it was closed (its name); ``closed_count`` is the count at closing.
    ``suppressed_by``: a rule closed it, and nobody has looked at it since, while it is closed without a verdict.
    ``reported_severity``: the gravest that the source itself has said, once a person has set another one; else "".
    ``outcome``: whether it got through, "" where that is not known; ``way``: "from → to", the addresses of the latest occurrence.
    ``sla_told``: what was noted of its time limit, "", "at_risk" or "broken".
    """

    identity = models.CharField(max_length=32, unique=True, editable=False)
    source = models.CharField("来源", max_length=60)
    dedup_key = models.CharField("去重键", max_length=500, blank=True, default="")
    rule_id = models.CharField("规则编号", max_length=200, blank=True, default="")
    rule_name = models.CharField("规则", max_length=300, blank=True, default="")
    title = models.CharField("标题", max_length=500)
    description = models.TextField("说明", blank=True, default="")
    severity = models.CharField("级别", max_length=10, choices=Severity.choices)
    reported_severity = models.CharField(max_length=10, blank=True, default="", editable=False)
    confidence = models.PositiveSmallIntegerField("置信度", null=True, blank=True)
    status = models.CharField("状态", max_length=12, choices=AlertStatus.choices, default=AlertStatus.OPEN)
    verdict = models.CharField("结论", max_length=16, choices=Verdict.choices, blank=True, default="")
    assignee = models.ForeignKey(
        Staff,
        verbose_name="处理人",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="alerts",
        db_index=False,
    )
    assets = models.ManyToManyField(Asset, verbose_name="资产", through="AlertAsset", related_name="alerts")
    case = models.ForeignKey(
        Case,
        verbose_name="事件",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="alerts",
        db_index=False,
    )
    techniques = models.JSONField("ATT&CK 技术", default=list, blank=True)
    references = models.JSONField("参考链接", default=list, blank=True)
    first_seen = models.DateTimeField("首次发生")
    last_seen = models.DateTimeField("最近发生")
    count = models.PositiveBigIntegerField("次数", default=1)
    due_at = models.DateTimeField("处理时限", null=True, blank=True)
    sla_told = models.CharField(max_length=8, blank=True, default="", editable=False)
    acknowledged_at = models.DateTimeField("确认时间", null=True, blank=True)
    closed_at = models.DateTimeField("关闭时间", null=True, blank=True)
    closed_by = models.ForeignKey(
        Staff,
        verbose_name="关闭人",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="closed_alerts",
        db_index=False,
    )
    suppressed_by = models.ForeignKey(
        SuppressionRule,
        verbose_name="抑制规则",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="alerts",
        db_index=False,
    )
    closed_by_source = models.BooleanField(default=False, editable=False)
    closed_via = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    outcome = models.CharField(
        "结果", max_length=10, choices=Outcome.choices, blank=True, default="", db_default=""
    )
    way = models.CharField("方向", max_length=100, blank=True, default="", db_default="", editable=False)
    closed_count = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField("入库时间")

    class Meta:
        verbose_name = verbose_name_plural = "告警"
        ordering = ["-last_seen", "-id"]
        indexes = [
            models.Index(fields=["-last_seen", "-id"], name="alert_seen"),
            models.Index(fields=["status", "-last_seen", "-id"], name="alert_status_seen"),
            models.Index(fields=["severity", "-last_seen", "-id"], name="alert_severity_seen"),
            models.Index(fields=["status", "severity", "-last_seen", "-id"], name="alert_backlog"),
            models.Index(fields=["source", "-last_seen", "-id"], name="alert_source_seen"),
            models.Index(
                fields=["suppressed_by", "-last_seen", "-id"],
                condition=Q(suppressed_by__isnull=False),
                name="alert_suppressed_seen",
            ),
            models.Index(fields=["case", "id"], condition=Q(case__isnull=False), name="alert_case"),
            models.Index(
                fields=["assignee", "-last_seen", "-id"],
                condition=Q(assignee__isnull=False),
                name="alert_assigned_seen",
            ),
            models.Index(
                fields=[
                    "assignee",
                    "status",
                ],  # how many somebody has in hand, among all that they closed in years
                condition=Q(assignee__isnull=False),
                name="alert_assigned_state",
            ),
            models.Index(
                fields=["verdict", "-last_seen", "-id"], condition=~Q(verdict=""), name="alert_judged_seen"
            ),
            models.Index(fields=["first_seen", "severity", "source"], name="alert_first_seen"),
            models.Index(fields=["due_at"], condition=~Q(status="closed"), name="alert_due"),
            models.Index(fields=["sla_told", "due_at"], condition=~Q(status="closed"), name="alert_sla"),
            # All that reports ask of what was acknowledged or closed in a period, so that no alert is read for it.
            models.Index(
                fields=["acknowledged_at", "created_at"],
                condition=Q(acknowledged_at__isnull=False),
                name="alert_acknowledged",
            ),
            models.Index(
                fields=[
                    "closed_at",
                    "status",
                    "suppressed_by",
                    "verdict",
                    "severity",
                    "closed_by_source",
                    "first_seen",
                    "created_at",
                    "due_at",
                    "assignee",
                ],
                condition=Q(closed_at__isnull=False),
                name="alert_closed",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def closer(self) -> str:
        """Who closed it, for people; "" for what nobody closed, or before that was kept."""
        if self.closed_via:
            return f"由接口 {self.closed_via}"
        return self.closed_by.name if self.closed_by else ""

    @property
    def handler(self) -> Staff | None:
        """Who has it in hand: its assignee, else who owns its case while neither is closed. In queries: `handler_of`."""
        case = self.case if self.assignee is None and self.status != AlertStatus.CLOSED else None
        return self.assignee or (case.owner if case and case.status != CaseStatus.CLOSED else None)

    @property
    def is_suppressed(self) -> bool:
        """Is it closed by a rule, and has nobody judged it since? In queries: `SUPPRESSED`."""
        return self.suppressed_by_id is not None and self.status == AlertStatus.CLOSED and not self.verdict


# Nobody's work: left out wherever what people did is counted.
SUPPRESSED = Q(suppressed_by__isnull=False, status=AlertStatus.CLOSED, verdict="")


def handler_of(column: str) -> Coalesce:
    """A column of who has it in hand (`Alert.handler`)."""
    owner = models.Case(
        When(
            ~Q(case__status=CaseStatus.CLOSED) & ~Q(status=AlertStatus.CLOSED),
            then=F(f"case__owner__{column}"),
        )
    )
    return Coalesce(f"assignee__{column}", owner)


class AlertPayload(models.Model):
    """The source's own event, the latest one; apart, so that lists never read it. Private."""

    alert = models.OneToOneField(Alert, primary_key=True, on_delete=models.CASCADE, related_name="payload")
    raw = models.JSONField("原始事件", default=dict)

    class Meta:
        verbose_name = verbose_name_plural = "原始事件"

    def __str__(self) -> str:
        return str(self.pk)


class AlertAsset(models.Model):
    """An asset that an alert concerns."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="asset_links", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="alert_links")

    class Meta:
        verbose_name = verbose_name_plural = "告警资产"
        constraints = [models.UniqueConstraint(fields=["alert", "asset"], name="alert_asset_once")]

    def __str__(self) -> str:
        return f"{self.alert_id}:{self.asset_id}"


class AlertIndicator(models.Model):
    """An observable of an alert, normalised. Accounts and e-mail addresses are private."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="indicators", db_index=False)
    kind = models.CharField("种类", max_length=10, choices=IndicatorKind.choices)
    value = models.CharField("值", max_length=500)

    class Meta:
        verbose_name = verbose_name_plural = "告警指标"
        constraints = [
            models.UniqueConstraint(fields=["alert", "kind", "value"], name="alert_indicator_once")
        ]
        indexes = [models.Index(fields=["value"], name="alert_indicator_value")]

    def __str__(self) -> str:
        return self.value


class AlertMention(models.Model):
    """An observable that an alert's title or description names: for looking things up.

    Whoever writes the text of an alert chooses it, an attacker too. So these are no `AlertIndicator`: lists of
    indicators, suppression, related alerts, cases and investigations never read them.
    """

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="mentions", db_index=False)
    kind = models.CharField("种类", max_length=10, choices=IndicatorKind.choices)
    value = models.CharField("值", max_length=500)

    class Meta:
        verbose_name = verbose_name_plural = "文字里的指标"
        constraints = [models.UniqueConstraint(fields=["alert", "kind", "value"], name="alert_mention_once")]
        indexes = [models.Index(fields=["value"], name="alert_mention_value")]

    def __str__(self) -> str:
        return self.value


class MentionBacklog(models.Model):
    """Alerts that are older than `AlertMention`: those with an id up to ``below`` are still to be read, the newest first."""

    below = models.BigIntegerField()

    class Meta:
        verbose_name = verbose_name_plural = "还没有读的告警文字"

    def __str__(self) -> str:
        return str(self.below)


class AlertEvent(models.Model):
    """The mark of one occurrence that was counted, so that a file read twice counts once."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events", db_index=False)
    mark = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "告警事件"
        # By alert first: the marks of one alert lie together, so that a large import touches few pages.
        constraints = [models.UniqueConstraint(fields=["alert", "mark"], name="alert_event_once")]
        indexes = [models.Index(fields=["at"], name="alert_event_at")]

    def __str__(self) -> str:
        return self.mark
