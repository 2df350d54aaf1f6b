"""The DingTalk application."""

from django.apps import AppConfig


class DingTalkIntegrationConfig(AppConfig):
    """Label `dingtalk_integration`."""

    name = "dingtalk_integration"
    verbose_name = "钉钉"

    def ready(self) -> None:
        """Register the kind and the health that belong to this application."""
        from bifang.channels.allowance import register_allowance
        from bifang.core.kinds import register_kind
        from bifang.core.logins.doors import register_doors
        from bifang.core.retention import register_keeping
        from dingtalk_integration.cards.repository import KEEPING
        from dingtalk_integration.config import DingTalkKind
        from dingtalk_integration.health import register_health
        from dingtalk_integration.quota import allowance
        from dingtalk_integration.sign_in import open_doors

        register_doors(open_doors)
        register_kind(DingTalkKind)
        register_health()
        register_keeping(KEEPING)
        register_allowance(allowance)
