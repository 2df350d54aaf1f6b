"""The models of security operations, one module per noun."""

from secops_agent.models.conversation import ConversationMessage
from secops_agent.models.staff import Role, Staff, allows

__all__ = ["ConversationMessage", "Role", "Staff", "allows"]
