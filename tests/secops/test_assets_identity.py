"""Two sources of one host meet; what people set stays."""

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers.values.assets import path_asset
from secops_agent.models import Asset
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.faults import NotFound
from secops_agent.services.records import AssetRecord, Key

from .inventory_aid import alert, finding, host, later, person, queries, store

pytestmark = pytest.mark.both_databases


def names():
    return sorted(Asset.objects.values_list("name", flat=True))


def test_shared_name_is_one_asset(database):
    store(host("web-01", "10.0.0.5"))
    outcome = store(host("web-01", "10.0.0.9", fqdn="web-01.corp", source="nessus"))
    assert names() == ["web-01"]
    row = Asset.objects.get()
    assert (row.ips, row.sources) == (["10.0.0.5", "10.0.0.9"], ["wazuh", "nessus"])
    assert outcome.updated["asset"] == 1


def test_same_short_name_of_two_domains_is_two_assets(database):
    store(host("web-01", fqdn="web-01.a.example"), host("web-01", fqdn="web-01.b.example"))
    assert names() == ["web-01", "web-01"]


def test_address_only_meets_the_named_host_in_both_orders(database):
    store(host("", "10.0.0.5", source="suricata"))
    store(host("web-01", "10.0.0.5"))
    store(host("", "10.0.0.5", source="nmap"))
    assert names() == ["web-01"]


def test_shared_address_does_not_join_named_hosts(database):
    store(host("web-01", "10.0.0.5"), host("web-02", "10.0.0.5"))
    assert names() == ["web-01", "web-02"]


def test_websites_of_one_host_stay_apart(database):
    sites = [
        AssetRecord("website", url, (Key("url", url), Key("fqdn", "a.example")), source="nuclei")
        for url in ("https://a.example", "https://a.example:8443")
    ]
    store(*sites, host("a", fqdn="a.example"))
    assert len(names()) == 3


def test_owner_is_found_by_staff_id_or_name(database):
    someone = person("lisi", "李四")
    store(host("a", owner="lisi"), host("b", owner="李四"), host("c", owner="外包张工"))
    owners = dict(Asset.objects.values_list("name", "owner_id"))
    assert owners == {"a": someone.pk, "b": someone.pk, "c": None}
    assert inventory.require("c").owner == "外包张工"


def test_what_a_person_set_survives_an_import(database):
    someone = person()
    store(host("web-01", importance="low", environment="测试"))
    pk = inventory.require("web-01").id
    changed = inventory.update(pk, Actor.person(someone, "dingtalk"), importance="critical", owner="李四")
    assert (changed.importance, changed.owner) == ("critical", "李四")
    store(host("web-01", importance="high", environment="生产", owner="nobody"))
    again = inventory.require("web-01")
    assert (again.importance, again.owner, again.environment) == ("critical", "李四", "生产")
    [newest, *_] = [entry for entry in inventory.get(pk).history if entry.action == "update"]
    assert newest.changes == {"importance": ("low", "critical"), "owner": ("", "李四")}


def test_find_goes_from_exact_to_candidates(database):
    store(
        host("web-01", "10.0.0.5", fqdn="web-01.corp.example"),
        host("web-02"),
        host("pay-gateway-3", "10.0.3.15"),
    )
    assert inventory.find("WEB-01").asset.name == "web-01"
    assert inventory.find("10.0.0.5").asset.name == "web-01"
    assert inventory.find("web-01.corp.example").asset.name == "web-01"
    assert inventory.find("pay").asset.name == "pay-gateway-3"
    assert [each.name for each in inventory.find("web").candidates] == ["web-01", "web-02"]
    assert [each.name for each in inventory.find("gateway").candidates] == ["pay-gateway-3"]
    assert inventory.find(str(inventory.require("web-02").id)).asset.name == "web-02"
    with pytest.raises(NotFound, match=r"web-01（.*）、web-02（编号"):
        inventory.require("web")
    with pytest.raises(NotFound, match="没有「nothing」"):
        inventory.require("nothing")


def test_list_pages_by_cursor_within_its_budget(database):
    store(*(host(f"h-{n:03}", tags=("x",)) for n in range(45)))
    seen, cursor = [], ""
    for size in (20, 20, 5):
        with queries() as caught:
            page = inventory.search(inventory.AssetFilter(limit=20, cursor=cursor, tag="x"))
        assert len(caught) <= 2
        assert (len(page.items), page.total) == (size, 45)
        seen += [each.name for each in page.items]
        cursor = page.next_cursor
    assert seen == [f"h-{n:03}" for n in range(45)]
    assert cursor == ""
    with pytest.raises(InvalidInput, match="cursor"):
        inventory.search(inventory.AssetFilter(cursor="bm9uc2Vuc2U"))


def test_last_seen_is_the_only_change_of_a_second_import(database):
    store(host("web-01", "10.0.0.5"))
    before = Asset.objects.values().get()
    outcome = store(host("web-01", "10.0.0.5"), at=later(days=1))
    after = Asset.objects.values().get()
    assert outcome.unchanged["asset"] == 1
    assert {name for name in after if after[name] != before[name]} == {"last_seen"}


def test_a_scan_that_only_says_a_name_meets_the_one_host_of_that_name(database):
    trivy = path_asset("web-01", "trivy")
    store(host("web-01", "10.0.0.5"), host("db-01"), host("db-01", fqdn="db-01.a.example"))
    store(host("db-01", fqdn="db-01.b.example"), alert("k", assets=(host("mail-01"),)))
    store(finding(trivy), trivy, finding(path_asset("WEB-01", "grype"), "R2"))
    row = Asset.objects.get(name="web-01")
    assert (row.asset_type, row.sources, row.findings.count()) == ("host", ["wazuh", "trivy", "grype"], 2)
    others = (
        "db-01",
        "mail-01",
        "srv/web-01",
        "web-02",
    )  # two have it; only an alert says it; a directory; nobody has it
    store(*(path_asset(name, "trivy") for name in others))
    assert sorted(Asset.objects.filter(asset_type="application").values_list("name", flat=True)) == sorted(
        others
    )
    store(finding(path_asset("web-02", "trivy")), host("web-02"))
    assert Asset.objects.filter(name="web-02").count() == 2, "what was scanned first is merged by a person"
