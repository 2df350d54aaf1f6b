"""The durable messaging application."""

from importlib import import_module

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Label `channels`."""

    name = "bifang.channels"
    label = "channels"
    verbose_name = "消息"

    def ready(self) -> None:
        """Register what the boxes and workers tell Prometheus, and how long the boxes' rows are kept."""
        import_module("bifang.channels.rights")
        from django.core.signals import request_finished
        from django_q.signals import pre_enqueue, pre_execute

        from bifang.channels.cards.repository import KEEPING
        from bifang.channels.metrics import collect_boxes, collect_workers
        from bifang.channels.queues import retention
        from bifang.channels.workers import programs
        from bifang.channels.workers.connection_health import collect_connections
        from bifang.core.database.retention import KEEPINGS
        from bifang.core.monitoring.health import CHECKS
        from bifang.core.monitoring.metrics import METRICS
        from bifang.core.monitoring.probes import PARTS
        from bifang.core.requests import ids

        pre_enqueue.connect(ids.carry, dispatch_uid="bifang.core.requests.ids")
        pre_execute.connect(ids.take_up, dispatch_uid="bifang.core.requests.ids")
        request_finished.connect(ids.forget, dispatch_uid="bifang.core.requests.ids")
        CHECKS.add(programs.CHECK)
        PARTS.add(programs.as_json)
        METRICS.add(collect_boxes, collect_workers, collect_connections, programs.collect_programs)
        KEEPINGS.add(*retention.KEEPINGS, KEEPING)
