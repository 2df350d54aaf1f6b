"""Alerts that are kept and counted without being put before anybody."""
