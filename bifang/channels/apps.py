"""The durable messaging application."""

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Label `channels`."""

    name = "bifang.channels"
    label = "channels"
    verbose_name = "消息"
