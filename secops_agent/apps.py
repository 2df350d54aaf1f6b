"""The security-operations application."""

from importlib import import_module

from django.apps import AppConfig


class SecopsAgentConfig(AppConfig):
    """Label `secops_agent`."""

    name = "secops_agent"
    verbose_name = "安全运营"

    def ready(self) -> None:
        """Register the kind and the section that belong to this application."""
        import_module("secops_agent.rights")
        from django.db.models.signals import post_migrate
        from django_q.signals import post_spawn

        from bifang.channels.addressees import register_names
        from bifang.core.changes import register_recorder
        from bifang.core.configuration import configs
        from secops_agent.services.notifications.drafts import make_draft
        from secops_agent.services.notifications.rules import uses_of
        from secops_agent.services.on_call.working_days import seed
        from secops_agent.services.operations.periodic import ensure_schedules, recover_at_start
        from secops_agent.services.people.authors import keep_change
        from secops_agent.services.people.directory import names_of

        register_recorder(keep_change)
        register_names(names_of)
        self._read_sections()
        self._keep_for_a_time()
        self._register_kinds()
        configs.register_uses(uses_of)
        configs.created.connect(make_draft, dispatch_uid="secops_agent.draft")
        post_migrate.connect(ensure_schedules, dispatch_uid="secops_agent.schedules")
        post_migrate.connect(seed, sender=self, dispatch_uid="secops_agent.working_days")
        post_spawn.connect(recover_at_start, dispatch_uid="secops_agent.recovery")
        self._register_schedules()
        self._register_syslog()
        self._register_brokers()

    @staticmethod
    def _register_kinds() -> None:
        from bifang.core.configuration.kinds import register_kind
        from secops_agent.config import OpenAIKind, QwenKind
        from secops_agent.connectors.aliyun.config import AliyunKind
        from secops_agent.connectors.config import WebhookKind
        from secops_agent.connectors.mcp.config import McpKind

        for kind in (QwenKind, OpenAIKind, WebhookKind, McpKind, AliyunKind):
            register_kind(kind)

    @staticmethod
    def _register_syslog() -> None:
        from bifang.core.configuration.sections import register_section
        from bifang.core.database.retention import Keeping, register_keeping
        from bifang.core.monitoring.health import register_check
        from bifang.core.monitoring.metrics import register_metrics
        from secops_agent.syslog import standing
        from secops_agent.syslog.sources import apply_source_entries

        register_section("syslog_sources", apply_source_entries)
        register_metrics(standing.collect_syslog)
        register_keeping(Keeping("Syslog 拒收", "RETENTION_DAYS", standing.old_rejections, "at"))
        register_check(
            "syslog", "Syslog 接收", standing.check_listeners, needs=("migrations",),
            remedy=f"有启用的 Syslog 来源，但没有正在运行的接收进程：请启动 {standing.COMMAND}，或查看它的日志。",
        )  # fmt: skip

    @staticmethod
    def _register_schedules() -> None:
        from bifang.core.configuration import configs
        from bifang.core.configuration.sections import register_section
        from bifang.core.monitoring.metrics import register_metrics
        from secops_agent.services.operations.metrics import collect_alerts
        from secops_agent.services.schedules.metrics import collect_tasks
        from secops_agent.services.schedules.schedules import apply_task_entries, sent_through

        register_section("schedules", apply_task_entries)
        configs.register_uses(sent_through)
        register_metrics(collect_tasks)
        register_metrics(collect_alerts)

    @staticmethod
    def _register_brokers() -> None:
        from bifang.core.configuration.kinds import register_kind
        from bifang.core.monitoring.health import register_check
        from bifang.core.monitoring.metrics import register_metrics
        from secops_agent.brokers import health
        from secops_agent.brokers.config import StreamKind

        register_kind(StreamKind)
        register_check(
            "consumers", "消息流", health.check_consumers, needs=("migrations",), remedy=health.REMEDY
        )
        register_metrics(health.collect_consumers)

    def _read_sections(self) -> None:
        from bifang.core.configuration.sections import register_section
        from secops_agent.services.notifications.preferences import apply_preference_entries
        from secops_agent.services.notifications.rules import apply_rule_entries
        from secops_agent.services.on_call.schedules import apply_on_call_entries
        from secops_agent.services.people.staff import apply_staff_entries
        from secops_agent.services.suppressions.rules import apply_suppression_entries

        register_section("staff", apply_staff_entries)
        register_section("on_call", apply_on_call_entries)
        register_section("notification_rules", apply_rule_entries)
        register_section("suppression_rules", apply_suppression_entries)
        register_section("notification_preferences", apply_preference_entries)

    def _keep_for_a_time(self) -> None:
        from bifang.core.database.retention import register_keeping
        from secops_agent.services.operations.retention import KEEPINGS

        register_keeping(*KEEPINGS)
