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
        import_module("secops_agent.counted")
        from django.db.models.signals import post_migrate
        from django_q.signals import post_spawn

        from bifang.channels.addressees import NAMES
        from bifang.core.configuration import configs
        from secops_agent.services.cases.reporting import defaults
        from secops_agent.services.notifications.rules import make_draft, uses_of
        from secops_agent.services.on_call.working_days import seed
        from secops_agent.services.operations.periodic import ensure_schedules, recover_at_start
        from secops_agent.services.people.directory import names_of

        NAMES.add(names_of)
        self._follow_changes()
        self._read_sections()
        self._keep_for_a_time()
        self._register_kinds()
        configs.USES.add(uses_of)
        configs.created.connect(make_draft, dispatch_uid="secops_agent.draft")
        post_migrate.connect(ensure_schedules, dispatch_uid="secops_agent.schedules")
        post_migrate.connect(seed, sender=self, dispatch_uid="secops_agent.working_days")
        post_migrate.connect(defaults.seed, sender=self, dispatch_uid="secops_agent.reporting")
        post_spawn.connect(recover_at_start, dispatch_uid="secops_agent.recovery")
        self._register_schedules()
        self._register_tables()
        self._register_syslog()
        self._register_brokers()

    @staticmethod
    def _follow_changes() -> None:
        from bifang.core.changes import RECORDERS
        from secops_agent.services.notifications.delivery.reaching import look_at_once
        from secops_agent.services.people.authority import keep_change

        RECORDERS.add(keep_change)
        RECORDERS.add(look_at_once)

    @staticmethod
    def _register_kinds() -> None:
        from bifang.core.configuration.kinds import KINDS
        from secops_agent.config import OpenAIKind, QwenKind
        from secops_agent.connectors.aliyun.config import AliyunKind
        from secops_agent.connectors.config import WebhookKind
        from secops_agent.connectors.http_tools.config import HttpToolsKind
        from secops_agent.connectors.mcp.config import McpKind

        KINDS.add(QwenKind, OpenAIKind, WebhookKind, McpKind, HttpToolsKind, AliyunKind)

    @staticmethod
    def _register_tables() -> None:
        from secops_agent.importers import registry
        from secops_agent.services import format_tables

        registry.TABLES.append(format_tables.in_use)

    @staticmethod
    def _register_syslog() -> None:
        from bifang.channels.workers.programs import PROGRAMS
        from bifang.core.configuration.sections import SECTIONS, FileSection
        from bifang.core.database.retention import KEEPINGS, Keeping
        from bifang.core.monitoring.health import CHECKS, HealthCheck
        from bifang.core.monitoring.metrics import METRICS
        from secops_agent.models import SyslogRejection
        from secops_agent.syslog import standing
        from secops_agent.syslog.sources import apply_source_entries

        SECTIONS.add(FileSection("syslog_sources", apply_source_entries))
        METRICS.add(standing.collect_syslog)
        PROGRAMS.add(standing.PROGRAM)
        KEEPINGS.add(Keeping.of("Syslog 拒收", "RETENTION_DAYS", SyslogRejection, "at"))
        remedy = (
            f"有启用的 Syslog 来源，但没有正在运行的接收进程：请启动 {standing.COMMAND}，或查看它的日志。"
        )
        CHECKS.add(
            HealthCheck("syslog", "Syslog 接收", standing.check_listeners, remedy, needs=("migrations",))
        )

    @staticmethod
    def _register_schedules() -> None:
        from bifang.channels.workers.programs import PROGRAMS
        from bifang.core.configuration import configs
        from bifang.core.configuration.sections import SECTIONS, FileSection
        from bifang.core.monitoring.metrics import METRICS
        from secops_agent.services.operations.metrics import (
            collect_alerts,
            collect_index,
            collect_people,
            collect_tasks,
        )
        from secops_agent.services.operations.periodic import TASK_PROGRAM
        from secops_agent.services.schedules.schedules import apply_task_entries, sent_through

        SECTIONS.add(FileSection("schedules", apply_task_entries))
        configs.USES.add(sent_through)
        METRICS.add(collect_tasks, collect_alerts, collect_index, collect_people)
        PROGRAMS.add(TASK_PROGRAM)

    @staticmethod
    def _register_brokers() -> None:
        from bifang.channels.workers.programs import PROGRAMS
        from bifang.core.configuration.kinds import KINDS
        from bifang.core.monitoring.health import CHECKS, HealthCheck
        from bifang.core.monitoring.metrics import METRICS
        from secops_agent.brokers import health
        from secops_agent.brokers.config import StreamKind

        KINDS.add(StreamKind)
        CHECKS.add(HealthCheck("consumers", "消息流", health.check_consumers, health.REMEDY, ("migrations",)))
        METRICS.add(health.collect_consumers)
        PROGRAMS.add(health.PROGRAM)

    def _read_sections(self) -> None:
        from bifang.core.configuration.sections import SECTIONS, FileSection
        from secops_agent.services.notifications.preferences import apply_preference_entries
        from secops_agent.services.notifications.rules import apply_rule_entries
        from secops_agent.services.on_call.schedules import apply_on_call_entries
        from secops_agent.services.people.staff import apply_staff_entries
        from secops_agent.services.suppressions.rules import apply_suppression_entries

        SECTIONS.add(
            FileSection("staff", apply_staff_entries),
            FileSection("on_call", apply_on_call_entries),
            FileSection("notification_rules", apply_rule_entries),
            FileSection("suppression_rules", apply_suppression_entries),
            FileSection("notification_preferences", apply_preference_entries),
        )

    def _keep_for_a_time(self) -> None:
        from bifang.core.database.retention import KEEPINGS
        from secops_agent.services.operations import retention

        KEEPINGS.add(*retention.KEEPINGS)
