"""The DingTalk application."""

from importlib import import_module

from django.apps import AppConfig


class DingTalkIntegrationConfig(AppConfig):
    """Label `dingtalk_integration`."""

    name = "dingtalk_integration"
    verbose_name = "钉钉"

    def ready(self) -> None:
        """Register the kind and the health that belong to this application."""
        import_module("dingtalk_integration.rights")
        from bifang.channels.allowance import ALLOWANCES
        from bifang.channels.workers.connection_health import SERVICES, checks_of
        from bifang.core.configuration.kinds import KINDS
        from bifang.core.logins.doors import DOORS
        from bifang.core.monitoring.health import CHECKS
        from bifang.core.monitoring.metrics import METRICS
        from dingtalk_integration.address_book import look_up
        from dingtalk_integration.config import DingTalkKind
        from dingtalk_integration.health import QUOTA_CHECK, SERVICE, collect_quotas
        from dingtalk_integration.quotas.quota import allowance
        from dingtalk_integration.sign_in import open_doors
        from secops_agent.services.people.address_book import BOOKS

        DOORS.add(open_doors)
        BOOKS.add(look_up)
        KINDS.add(DingTalkKind)
        SERVICES.add(SERVICE)
        CHECKS.add(*checks_of(SERVICE), QUOTA_CHECK)
        METRICS.add(collect_quotas)
        ALLOWANCES.add(allowance)
