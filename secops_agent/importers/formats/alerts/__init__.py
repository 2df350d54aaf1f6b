"""Alerts of monitoring and detection."""
