"""The security-operations application."""

from django.apps import AppConfig


class SecopsAgentConfig(AppConfig):
    """Label `secops_agent`."""

    name = "secops_agent"
    verbose_name = "安全运营"
