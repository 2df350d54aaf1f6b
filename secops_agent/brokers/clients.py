"""The client for a configuration."""

from secops_agent.brokers.base import HOLD_S, BrokerClient
from secops_agent.brokers.config import BrokerSettings


def client_for(settings: BrokerSettings, consumer: str, hold_s: float = HOLD_S) -> BrokerClient:
    """``consumer`` names this process. The libraries are loaded where they are used: every command starts without."""
    if settings.is_redis:
        from secops_agent.brokers.redis_streams import RedisStream

        return RedisStream(settings, consumer, hold_s)
    if settings.is_kafka:
        from secops_agent.brokers.kafka import KafkaStream

        return KafkaStream(settings, hold_s)
    from secops_agent.brokers.jetstream import JetStream

    return JetStream(settings, hold_s)
