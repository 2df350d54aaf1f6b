"""The client of Feishu's long connection. No Django."""
