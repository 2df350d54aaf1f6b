"""The Feishu application."""

from django.apps import AppConfig


class FeishuIntegrationConfig(AppConfig):
    """Label `feishu_integration`."""

    name = "feishu_integration"
    verbose_name = "飞书"

    def ready(self) -> None:
        """Register the kind and the health that belong to this application."""
        from bifang.channels.workers.connection_health import register_service
        from bifang.core.configuration.kinds import register_kind
        from feishu_integration.config import FeishuKind
        from feishu_integration.health import SERVICE

        register_kind(FeishuKind)
        register_service(SERVICE)
