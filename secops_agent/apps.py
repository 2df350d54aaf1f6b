"""The security-operations application."""

from django.apps import AppConfig


class SecopsAgentConfig(AppConfig):
    """Label `secops_agent`."""

    name = "secops_agent"
    verbose_name = "安全运营"

    def ready(self) -> None:
        """Register the kind and the section that belong to this application."""
        from bifang.core.kinds import register_kind
        from bifang.core.sections import register_section
        from secops_agent.config import QwenKind
        from secops_agent.services.staff import apply_staff_entries

        register_kind(QwenKind())
        register_section("staff", apply_staff_entries)
