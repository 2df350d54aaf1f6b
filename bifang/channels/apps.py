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
        from bifang.channels.connection_health import collect_connections
        from bifang.channels.metrics import collect_boxes, collect_workers
        from bifang.channels.retention import KEEPINGS
        from bifang.core.metrics import register_metrics
        from bifang.core.retention import register_keeping

        register_metrics(collect_boxes)
        register_metrics(collect_workers)
        register_metrics(collect_connections)
        register_keeping(*KEEPINGS, KEEPING)
