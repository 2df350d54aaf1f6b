"""Links: the addresses of our pages, for what is written outside of the web application.

They are written down here, not looked up in the URL configuration: that imports every page, the admin and the API,
which no worker needs. A test holds that they agree.
"""

from typing import Final

from django.conf import settings
from django.urls import get_script_prefix

# What has pages of our own, or an admin page that is not ours; of everything else the records are edited in the admin.
_FOLDERS: Final = {
    "alert": "alerts/",
    "asset": "assets/",
    "finding": "findings/",
    "vulnerability": "vulnerabilities/",
    "case": "cases/",
    "proposal": "approvals/",
    "systemconfig": "admin/core/systemconfig/",
    "outboxrow": "admin/channels/outboxrow/",
}


_LETTERS: Final = {"alert": "A", "case": "E", "finding": "F"}


def listing(kind: str) -> str:
    """The page that lists all alerts, assets, import jobs …"""
    return get_script_prefix() + _folder(kind)


def record(kind: str, pk: int) -> str:
    """The page of an alert, an asset, a finding …"""
    return f"{listing(kind)}{pk}/" + ("change/" if _folder(kind).startswith("admin/") else "")


def _folder(kind: str) -> str:
    return _FOLDERS.get(kind, f"admin/secops_agent/{kind}/")


def alert(pk: int) -> str:
    """The page of an alert."""
    return record("alert", pk)


def asset(pk: int) -> str:
    """The page of an asset."""
    return record("asset", pk)


def code(kind: str, pk: int) -> str:
    """For a message: A12, E3 or F7, as a link where the address of the house is known."""
    label = lettered(kind, pk)
    return page(label, record(kind, pk)) or label


def lettered(kind: str, pk: int) -> str:
    """A12, E3 or F7."""
    return f"{_LETTERS[kind]}{pk}"


def named(label: str, address: str) -> str:
    """For a message: the label as a link where the address of the house is known, else as the name of a page."""
    return f"[{label}]({settings.PUBLIC_URL}{address})" if settings.PUBLIC_URL and address else f"「{label}」"


def page(label: str, address: str) -> str:
    """For a message: the label as a link, "" where the address of the house is not known."""
    return named(label, address) if settings.PUBLIC_URL else ""
