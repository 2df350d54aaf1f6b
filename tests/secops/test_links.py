"""The addresses that a worker writes into messages are those of the URL configuration."""

from django.contrib import admin
from django.urls import reverse

from secops_agent.services import links

PAGES = {  # kind → its list, a record of it
    "alert": ("web:alerts", "web:alert"),
    "asset": ("web:assets", "web:asset"),
    "finding": ("web:findings", "web:finding"),
    "vulnerability": ("web:vulnerabilities", "web:vulnerability"),
    "proposal": ("web:approvals", "web:approval"),
    "systemconfig": ("admin:core_systemconfig_changelist", "admin:core_systemconfig_change"),
}


def names_of(kind: str) -> tuple[str, str]:
    plain = f"admin:secops_agent_{kind}_changelist", f"admin:secops_agent_{kind}_change"
    return PAGES.get(kind, plain)


def test_links_are_the_addresses_of_the_pages() -> None:
    registered = [model._meta for model in admin.site._registry]
    kinds = {meta.model_name for meta in registered if meta.app_label == "secops_agent"} | set(PAGES)
    assert {"runbook", "importjob", "securityreport", "component", "indicatorlist"} <= kinds
    for kind in kinds:
        assert kind
        every, one = names_of(kind)
        assert (links.listing(kind), links.record(kind, 5)) == (reverse(every), reverse(one, args=[5]))
