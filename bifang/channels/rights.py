"""Rights: what each role of the staff and each group may do with messages."""

from typing import Final

from bifang.core.rights import AUDITOR, OPERATOR, allow, grant

READ_TEXT: Final = "channels.read_private_text"  # what people wrote, and what was answered

grant(OPERATOR, "channels.view_*", "channels.change_inboxrow", "channels.change_outboxrow")
grant(AUDITOR, "channels.view_*", READ_TEXT)
allow("analyst", "channels.view_knowngroup")
allow("admin", "channels.*")
