"""``manage.py consume_alerts``: takes alerts from message brokers."""

from typing import Any

from django.core.management.base import CommandError

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from bifang.core.monitoring.startup import begin
from secops_agent.brokers import worker


class Command(OperatorCommand):
    """Exits non-zero only for what a restart or a person must mend."""

    help = "从消息流（Kafka、NATS JetStream、Redis Streams）取告警：为每个启用的消息流配置保持一个消费者"

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what must be there, then run until a signal."""
        try:
            begin("consume_alerts")
            worker.run()
        except BifangError as error:
            raise CommandError(error.message) from None
