"""Two known assets turn out to be one host."""

import pytest

from secops_agent.models import (
    Alert,
    Asset,
    AssetKey,
    Component,
    DemoObject,
    Finding,
    History,
)
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.queries.statistics import statistics
from secops_agent.services.assets import inventory
from secops_agent.services.intake.writers import joining
from secops_agent.services.records import AssetRecord, Key
from secops_agent.services.vulnerabilities import findings

from .inventory_aid import NOW, alert, component, finding, later, person, scan, store

pytestmark = pytest.mark.both_databases("every test")
AGENT, MAC = Key("agent_id", "wazuh:001"), Key("mac", "3c:fd:fe:00:00:01")
NAME, ADDRESS, FQDN = Key("hostname", "web-01"), Key("ip", "10.0.0.5"), Key("fqdn", "web-01.corp.example")


def seen(*keys, name="web-01", source="agent", **more):
    addresses = tuple(key.value for key in keys if key.kind == "ip")
    return AssetRecord("host", name, keys, ips=addresses, source=source, **more)


def by_agent(**more):
    return seen(AGENT, source="wazuh", **more)


def by_mac(*keys, **more):
    return seen(MAC, *keys, source="nmap", **{"name": "10.0.0.5"} | more)


def bridge(*keys):
    return seen(AGENT, MAC, *keys)


def only():
    return Asset.objects.get()


def rows(model):
    return list(model.objects.order_by("id").values())


@pytest.mark.slow
def test_everything_goes_to_the_older_asset(database):
    store(by_agent(tags=("web",)), finding(by_agent(), "A"), component(by_agent(), "a"))
    store(
        *(finding(by_mac(ADDRESS, tags=("dmz",)), rule) for rule in "BC"),
        component(by_mac(), "b"),
        alert("k", assets=(by_mac(),)),
    )
    older, younger = Asset.objects.order_by("id")
    outcome = store(bridge(), at=later(days=1))
    row = only()
    assert (row.pk, row.ips, row.tags) == (older.pk, ["10.0.0.5"], ["web", "dmz"])
    assert set(row.sources) == {"wazuh", "nmap", "agent"}
    assert {each.asset_id for each in (*Finding.objects.all(), *Component.objects.all())} == {row.pk}
    assert (Finding.objects.count(), Component.objects.count()) == (3, 2)
    assert [each.pk for each in Alert.objects.get().assets.all()] == [row.pk]
    assert (outcome.created["asset"], outcome.updated["asset"]) == (0, 1)
    [newest, *_] = History.objects.filter(entity="asset", entity_id=row.pk)
    assert newest.action == "merge"
    assert newest.changes["merged"] == ["", f"10.0.0.5（编号 {younger.pk}）"]
    assert not History.objects.filter(entity="asset", entity_id=younger.pk).exists()
    identities = set(AssetKey.objects.filter(asset=row).values_list("identity", flat=True))
    assert {"host:agent_id:wazuh:001", "host:mac:3c:fd:fe:00:00:01"} <= identities
    assert inventory.require(str(younger.pk)).id == row.pk
    assert {each.kind for each in inventory.get(row.pk).keys} == {"agent_id", "mac", "ip"}


def test_statistics_by_asset_follow(database):
    store(by_agent(), by_mac(), alert("a", assets=(by_agent(), by_mac())), alert("b", assets=(by_mac(),)))
    store(bridge())
    counted = statistics(group_by="asset").groups
    assert [(each.value, each.count) for each in counted] == [(str(only().pk), 2)]


def test_what_a_person_decided_of_the_younger_wins(database):
    someone = person()
    store(by_agent(importance="low", environment="测试"), by_mac(importance="info"))
    younger = Asset.objects.order_by("id")[1].pk
    inventory.update(
        younger, Actor.person(someone, "dingtalk"), owner="李四", importance="critical", name="支付网关"
    )
    store(bridge())
    row = only()
    assert (row.owner, row.importance, row.name, row.environment) == (someone, "critical", "支付网关", "测试")
    store(by_agent(importance="low", owner="nobody"), at=later(days=1))
    assert (only().owner, only().importance) == (someone, "critical")
    assert "update" in {each.action for each in inventory.get(row.pk).history}


def test_one_finding_of_both_stays_one_with_its_decision(database):
    lib, same = component(by_agent()), component(by_mac())
    one = [finding(by_agent(), "A", component=lib), finding(by_agent(), "B", component=lib)]
    two = [finding(by_mac(), "A", component=same), finding(by_mac(), "C", component=same)]
    store(*one)
    store(*two, at=later(hours=1))
    double = Finding.objects.filter(rule_id="A").order_by("id")[1]
    findings.decide(double.pk, "accepted", Actor.person(person(), "dingtalk"), "无法利用")
    store(bridge())
    assert sorted(Finding.objects.values_list("rule_id", "decision")) == [
        ("A", "accepted"),
        ("B", ""),
        ("C", ""),
    ]
    row = Finding.objects.get(rule_id="A")
    assert (row.active, row.first_seen, row.last_seen) == (False, NOW, later(hours=1))
    assert Component.objects.count() == 1
    assert {each.component_id for each in Finding.objects.all()} == {Component.objects.get().pk}
    assert [each.action for each in findings.get(row.pk).history] == ["merge", "decide"]


def test_importing_everything_again_changes_nothing(database):
    items = [
        finding(by_agent(), "A"), finding(by_mac(), "A", location="eth0"), finding(by_mac(), "C"),
        component(by_mac()), alert("k", assets=(by_mac(), by_agent())), bridge(),
    ]  # fmt: skip
    store(*items)
    store(*items)
    before = [rows(model) for model in (Asset, AssetKey, Finding, Component, History)]
    outcome = store(*items)
    assert [rows(model) for model in (Asset, AssetKey, Finding, Component, History)] == before
    assert (sum(outcome.created.values()), sum(outcome.updated.values())) == (0, 0)
    assert sorted(Finding.objects.values_list("rule_id", flat=True)) == ["A", "C"]


def test_a_finding_of_the_joined_asset_is_recognised(database):
    store(by_agent(), finding(by_mac(), "A"))
    row = Finding.objects.get()
    store(bridge())
    outcome = store(finding(by_mac(), "A"), scan(by_mac()), at=later(days=1))
    assert (outcome.created["finding"], outcome.vanished) == (0, 0)
    assert (Finding.objects.get().pk, Finding.objects.get().state) == (row.pk, "present")


def test_a_scan_that_shows_the_bridge_retires_only_what_is_gone(database):
    store(by_agent(), *(finding(by_mac(), rule) for rule in "AB"))
    outcome = store(finding(bridge(), "A"), scan(bridge()), at=later(days=1))
    assert dict(Finding.objects.values_list("rule_id", "state")) == {"A": "present", "B": "gone"}
    assert (outcome.created["finding"], outcome.vanished, Asset.objects.count()) == (0, 1, 1)


def test_a_name_with_a_shared_address_proves_a_host(database):
    store(by_agent(), seen(NAME, ADDRESS))
    store(seen(AGENT, NAME, ADDRESS))
    assert only().name == "web-01"


def test_three_become_one(database):
    store(by_agent(), by_mac(), seen(FQDN, name="web-01.corp.example"))
    store(bridge(FQDN))
    assert only().name == "web-01"


@pytest.mark.parametrize(
    ("known", "later_record"),
    [
        ([by_agent(), seen(NAME)], seen(AGENT, NAME)),  # a name alone
        ([by_agent(), seen(NAME, Key("ip", "10.9.9.9"))], seen(AGENT, NAME, ADDRESS)),  # at another address
        ([by_agent(), seen(ADDRESS)], seen(AGENT, ADDRESS)),  # an address alone
        ([by_agent(), seen(Key("mac", "02:42:ac:11:00:02"))], seen(AGENT, Key("mac", "02:42:ac:11:00:02"))),
        (
            [seen(AGENT, Key("cloud_id", "i-1")), by_mac(Key("cloud_id", "i-2"))],
            bridge(),
        ),
        ([by_agent(), by_mac(Key("agent_id", "wazuh:002"))], bridge()),  # two agents of one tool
    ],
)
def test_what_proves_too_little_joins_nothing(database, known, later_record):
    store(*known)
    store(later_record)
    assert Asset.objects.count() == 2


def test_two_images_with_a_moved_tag_stay_two(database):
    digest, tag = Key("image_digest", "sha256:" + "a" * 64), Key("image", "shop/web:1.0")
    store(*(AssetRecord("container_image", "shop/web:1.0", (key,)) for key in (digest, tag)))
    store(AssetRecord("container_image", "shop/web:1.0", (digest, tag)))
    assert Asset.objects.count() == 2


def test_contrary_decisions_of_people_keep_two_assets(database):
    store(by_agent(), by_mac())
    someone = Actor.person(person(), "dingtalk")
    one, two = Asset.objects.order_by("id").values_list("pk", flat=True)
    inventory.update(one, someone, importance="low")
    inventory.update(two, someone, importance="high")
    store(bridge())
    assert Asset.objects.count() == 2
    inventory.update(one, someone, importance="high")
    store(bridge())
    assert only().importance == "high"


def test_an_interrupted_joining_is_completed_by_the_next_import(database, monkeypatch):
    monkeypatch.setattr(joining, "_PIECE", 2)
    store(by_agent(), *(finding(by_mac(), f"F{n}") for n in range(7)), alert("k", assets=(by_mac(),)))
    spans = iter(range(3))
    whole = joining.import_transaction

    def breaking():
        if next(spans, None) is None:
            raise KeyboardInterrupt
        return whole()

    monkeypatch.setattr(joining, "import_transaction", breaking)
    with pytest.raises(KeyboardInterrupt):
        store(bridge())
    assert Asset.objects.count() == 2
    assert len(set(Finding.objects.values_list("asset_id", flat=True))) == 2
    monkeypatch.setattr(joining, "import_transaction", whole)
    store(bridge())
    assert set(Finding.objects.values_list("asset_id", flat=True)) == {only().pk}


def test_what_is_partly_real_is_no_demo(database):
    store(by_agent(), by_mac())
    pk = Asset.objects.order_by("id").values_list("pk", flat=True)[0]
    DemoObject.objects.create(entity="asset", entity_id=pk)
    store(bridge())
    assert not DemoObject.objects.filter(entity="asset").exists()
