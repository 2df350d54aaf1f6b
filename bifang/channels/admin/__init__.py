"""The admin of messages: both boxes, the cards, the workers, and what the first page counts."""

from bifang.channels.admin import cards, connections, figures, inbox, outbox, workers

__all__ = ["cards", "connections", "figures", "inbox", "outbox", "workers"]
