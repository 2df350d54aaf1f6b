"""The Feishu application."""

from django.apps import AppConfig


class FeishuIntegrationConfig(AppConfig):
    """Label `feishu_integration`."""

    name = "feishu_integration"
    verbose_name = "飞书"

    def ready(self) -> None:
        """Register the kind and the health that belong to this application."""
        from bifang.channels.workers.connection_health import SERVICES, checks_of
        from bifang.core.configuration.kinds import KINDS
        from bifang.core.monitoring.health import CHECKS
        from feishu_integration.config import FeishuKind
        from feishu_integration.health import SERVICE

        KINDS.add(FeishuKind)
        SERVICES.add(SERVICE)
        CHECKS.add(*checks_of(SERVICE))
