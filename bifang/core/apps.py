"""The core application: configuration and what every product application stands on."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Label `core`."""

    name = "bifang.core"
    label = "core"
    verbose_name = "系统"

    def ready(self) -> None:
        """Register what belongs to core: its section and its checks."""
        from bifang.core.checks import register_checks
        from bifang.core.sections import apply_config_entries, register_section

        register_checks()
        register_section("configs", apply_config_entries)
