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
        from bifang.channels.allowance import register_allowance
        from bifang.core.configuration.kinds import register_kind
        from bifang.core.logins.doors import register_doors
        from dingtalk_integration.address_book import look_up
        from dingtalk_integration.config import DingTalkKind
        from dingtalk_integration.health import register_health
        from dingtalk_integration.quotas.quota import allowance
        from dingtalk_integration.sign_in import open_doors
        from secops_agent.services.people.address_book import register_book

        register_doors(open_doors)
        register_book(look_up)
        register_kind(DingTalkKind)
        register_health()
        register_allowance(allowance)
