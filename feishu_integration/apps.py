"""The Feishu application."""

from django.apps import AppConfig


class FeishuIntegrationConfig(AppConfig):
    """Label `feishu_integration`."""

    name = "feishu_integration"
    verbose_name = "飞书"

    def ready(self) -> None:
        """Register the kind."""
        from bifang.core.kinds import register_kind
        from feishu_integration.config import FeishuKind

        register_kind(FeishuKind)
