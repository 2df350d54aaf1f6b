"""Advisories, statements and lists about vulnerabilities."""
