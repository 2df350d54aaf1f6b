"""The durable messaging application."""

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Label `channels`."""

    name = "bifang.channels"
    label = "channels"
    verbose_name = "消息"

    def ready(self) -> None:
        """Register what the boxes and workers tell Prometheus."""
        from bifang.channels.metrics import collect_boxes, collect_workers
        from bifang.core.metrics import register_metrics

        register_metrics(collect_boxes)
        register_metrics(collect_workers)
