"""问一问 and 会话: conversations on a page."""
