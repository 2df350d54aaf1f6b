"""The admin of messages: both boxes, the cards, the workers, and what the first page counts."""

from bifang.channels.admin import cards, figures, inbox, outbox, workers
from bifang.channels.admin.rows import READ_TEXT
from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow

__all__ = ["cards", "figures", "inbox", "outbox", "workers"]

grant(OPERATOR, "channels.view_*", "channels.change_inboxrow", "channels.change_outboxrow")
grant(AUDITOR, "channels.view_*", READ_TEXT)
allow("analyst", "channels.view_knowngroup")
allow("admin", "channels.*")
