"""The core application: configuration and what every product application stands on."""

import logging

from django.apps import AppConfig
from django.conf import settings


class CoreConfig(AppConfig):
    """Label `core`."""

    name = "bifang.core"
    label = "core"
    verbose_name = "系统"

    def ready(self) -> None:
        """Register what belongs to core: its section, its checks, the groups."""
        from axes.signals import user_locked_out
        from django.db.models.signals import post_migrate, pre_migrate

        from bifang.core.configuration.sections import SECTIONS, FileSection, apply_config_entries
        from bifang.core.database import identity
        from bifang.core.database.schema import refuse_other_version
        from bifang.core.logins.lockout import tell_lockout
        from bifang.core.rights import ensure_groups

        user_locked_out.connect(tell_lockout, dispatch_uid="bifang.core.lockout")
        _watch()
        SECTIONS.add(FileSection("configs", apply_config_entries))
        pre_migrate.connect(refuse_other_version, sender=self, dispatch_uid="bifang.core.database.schema")
        # Connected after django.contrib.auth's own receiver, which makes the permissions.
        post_migrate.connect(ensure_groups, dispatch_uid="bifang.core.rights")
        pre_migrate.connect(
            identity.refuse_other_database, sender=self, dispatch_uid="bifang.core.database.identity"
        )
        post_migrate.connect(
            identity.write_identity, sender=self, dispatch_uid="bifang.core.database.identity"
        )


def _watch() -> None:
    """Register what is counted, traced, reported and checked."""
    from django_q.signals import post_execute

    from bifang.core.monitoring import counts, disk, tracing
    from bifang.core.monitoring.checks import register_checks
    from bifang.core.monitoring.counting import TALLIES
    from bifang.core.monitoring.health import CHECKS
    from bifang.core.monitoring.health_checks import CORE_CHECKS
    from bifang.core.monitoring.metrics import METRICS
    from bifang.core.requests.counted import REQUESTS

    register_checks()
    tracing.begin(settings.SECRET_KEY)
    if settings.SENTRY_DSN:
        from bifang.core.monitoring.error_reports import ErrorReports

        logging.getLogger().addHandler(ErrorReports(settings.SENTRY_DSN))
    CHECKS.add(*CORE_CHECKS, disk.CHECK)
    TALLIES.add(REQUESTS)
    METRICS.add(disk.collect_disk, counts.collect_counts)
    post_execute.connect(counts.flush, dispatch_uid="bifang.core.monitoring.counts")
