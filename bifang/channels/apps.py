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
        from bifang.channels.cards.repository import KEEPING
        from bifang.channels.metrics import collect_boxes, collect_workers
        from bifang.channels.queues.retention import KEEPINGS
        from bifang.channels.workers.connection_health import collect_connections
        from bifang.core.database.retention import register_keeping
        from bifang.core.monitoring.metrics import register_metrics

        register_metrics(collect_boxes)
        register_metrics(collect_workers)
        register_metrics(collect_connections)
        register_keeping(*KEEPINGS, KEEPING)
