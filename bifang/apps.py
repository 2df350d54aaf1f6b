"""The application of the admin, with our own site, and the last one, for what installed packages add."""

import gc
from dataclasses import replace

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
        """Declare the connectors, channels and checks of packages; formats and tools stand in their registries.

        A package that fails is told and does not make the machine unready: the rest works without it.
        """
        from bifang.channels.added import added_channels
        from bifang.channels.workers.connection_health import SERVICES, checks_of
        from bifang.core.configuration.kinds import KINDS
        from bifang.core.extensions import check_extensions, installed
        from bifang.core.monitoring.health import CHECKS, HealthCheck, unfit_check
        from secops_agent.connectors.base import added

        KINDS.add(*(connector.settings for connector in added()))
        for channel in added_channels():
            KINDS.add(channel.settings)
            SERVICES.add(channel.adds.service)
            CHECKS.add(*checks_of(channel.adds.service))
        remedy = "有插件没有使用：请在服务器上执行 python manage.py healthcheck 查看是哪一个、为什么。"
        CHECKS.add(HealthCheck("extensions", "插件", check_extensions, remedy, advisory=True))
        taken = [check.name for check in CHECKS]
        added_checks = installed("checks", taken, unfit_check)
        CHECKS.add(*(replace(each.adds, advisory=True) for each in added_checks))
        gc.freeze()
        gc.enable()  # the settings had disabled it
