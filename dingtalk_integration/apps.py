"""The DingTalk application."""

from django.apps import AppConfig


class DingTalkIntegrationConfig(AppConfig):
    """Label `dingtalk_integration`."""

    name = "dingtalk_integration"
    verbose_name = "钉钉"
