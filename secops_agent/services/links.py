"""The addresses of the records of the house on its pages: the one place that knows which page is about what."""

from typing import Final

from django.conf import settings
from django.urls import NoReverseMatch, reverse

_OWN: Final = {
    "alert": "web:alert",
    "asset": "web:asset",
    "finding": "web:finding",
    "vulnerability": "web:vulnerability",
}  # what has a page of our own


def record(kind: str, pk: int) -> str:
    """The page of an alert, an asset, a finding …"""
    return reverse(_OWN.get(kind, f"admin:secops_agent_{kind}_change"), args=[pk])


def alert(pk: int) -> str:
    """The page of an alert."""
    return record("alert", pk)


def asset(pk: int) -> str:
    """The page of an asset."""
    return record("asset", pk)


def named(label: str, address: str) -> str:
    """For a message: the label as a link where the address of the house is known, else as the name of a page."""
    return f"[{label}]({settings.PUBLIC_URL}{address})" if settings.PUBLIC_URL and address else f"「{label}」"


def page(name: str) -> str:
    """A page that may not be there (yet): its address, or ""."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
