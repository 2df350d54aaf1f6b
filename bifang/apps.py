"""The application of the admin, with our own site, and the last one, for what installed packages add."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class AdminConfig(SimpleAdminConfig):
    """``urls.py`` loads the screens: the worker has none."""

    default_site = "bifang.site.Site"


class ExtensionsConfig(AppConfig):
    """Stands last in the settings: by then every name of ours is taken, and none can be replaced."""

    name = "bifang"
    label = "extensions"
    verbose_name = "扩展"

    def ready(self) -> None:
        """Register the connectors, channels and checks of packages; formats and tools stand in their registries."""
        from bifang.channels.added import register_channels
        from bifang.core.configuration.kinds import register_kind
        from bifang.core.extensions import check_extensions, installed
        from bifang.core.monitoring.health import known_checks, register_check, unfit_check
        from secops_agent.connectors.base import added

        for connector in added():
            register_kind(connector.settings)
        register_channels()
        register_check(
            "extensions", "插件", check_extensions,
            remedy="有插件没有使用：请在服务器上执行 python manage.py healthcheck 查看是哪一个、为什么。",
        )  # fmt: skip
        for each in installed("checks", known_checks(), unfit_check):
            check = each.adds
            register_check(check.name, check.label, check.run, remedy=check.remedy, needs=check.needs)
