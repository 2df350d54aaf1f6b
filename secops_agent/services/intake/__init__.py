"""Writing what importers read: staging, one writer a noun, and the count of what happened."""
