"""Feishu's OpenAPI over our own HTTP client. No Django."""
