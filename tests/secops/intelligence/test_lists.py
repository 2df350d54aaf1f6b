"""Lists of indicators through the doors: imported as CSV, hit by new alerts and, backwards, by stored ones."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from secops_agent.models import (
    Alert,
    AlertMessage,
    History,
    IndicatorHit,
    IndicatorList,
    ListedIndicator,
)
from secops_agent.services.alerts import indicators, triage
from secops_agent.services.intake import retrospect
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.records import Indicator
from tests.secops.inventory_aid import alert, host, store
from tests.secops.notifications import stage

pytestmark = pytest.mark.both_databases
LIST = """value,type,note,expiry,source
203.0.113[.]9,,C2 服务器,2099-01-01,厂商甲
203.0.113.128/25,cidr,扫描器,,
evil.example[.]com,domain,钓鱼,,
hxxp://drop.example.net/a.sh,url,,,
d41d8cd98f00b204e9800998ecf8427e,md5,,,
10.0.0.1,ip,,,
203.0.113.77,ip,,2020-01-01,
"""


@pytest.fixture
def load(database, tmp_path, capsys):
    def load(text=LIST, name="每日情报"):
        path = tmp_path / "list.csv"
        path.write_text(text, encoding="utf-8")
        call_command("import_data", "indicators_csv", str(path), "--source", name, "--json")
        return json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return load


def named(key, kind, value, **more):
    return alert(key, indicators=(Indicator(kind, value),), **more)


def hit_alerts():
    return set(hits_in_force().values_list("alert__title", flat=True))


def test_a_list_is_read_once_and_what_is_no_entry_is_named(load):
    first = load()
    assert first["created"]["indicator"] == 5
    reasons = {each["position"]: each["reason"] for each in first["rejected"]}
    assert "内网" in reasons["第 7 行"]
    assert "有效期" in reasons["第 8 行"]
    again = load()
    assert (
        again["created"]["indicator"],
        again["updated"]["indicator"],
        again["unchanged"]["indicator"],
    ) == (0, 0, 5)


def test_new_alerts_that_name_an_entry_say_so(load):
    load()
    store(
        named("一", "ip", "203.0.113.9"), named("二", "ip", "203.0.113.200"), named("三", "domain", "a.evil.example.com"),
        named("四", "url", "https://drop.example.net/a.sh"), named("五", "hash", "d41d8cd98f00b204e9800998ecf8427e"),
        named("六", "ip", "203.0.113.10"), named("七", "domain", "notevil.example.com"),
    )  # fmt: skip
    assert hit_alerts() == {f"规则 {each}" for each in "一二三四五"}
    detail = triage.get(Alert.objects.get(title="规则 一").pk)
    (said,) = detail.listed
    assert (said.list, said.note, said.origin) == ("每日情报", "C2 服务器", "厂商甲")
    assert History.objects.filter(action="hit").count() == 5


def test_stored_alerts_are_compared_when_a_list_comes(load):
    store(*(named(str(number), "ip", f"203.0.113.{number}") for number in range(1, 20)))
    load()
    assert not IndicatorHit.objects.exists()
    assert retrospect.compare() == 1
    assert hit_alerts() == {"规则 9"}
    assert IndicatorList.objects.get().compared == IndicatorList.objects.get().compare_to
    assert retrospect.compare() == 0


def test_a_hit_ends_with_its_entry_its_expiry_and_its_list(load):
    load()
    store(named("一", "ip", "203.0.113.9"))
    entry = ListedIndicator.objects.filter(value="203.0.113.9")
    entry.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not hit_alerts()
    entry.update(expires_at=None)
    IndicatorList.objects.update(enabled=False)
    assert not hit_alerts()
    IndicatorList.objects.update(enabled=True)
    assert hit_alerts()
    entry.delete()
    assert not hit_alerts()


def test_a_list_may_raise_the_level_and_a_rule_may_be_about_hits(load):
    load()
    IndicatorList.objects.update(severity="critical")
    store(named("一", "ip", "203.0.113.9", severity="low"), named("二", "ip", "203.0.113.10", severity="low"))
    levels = dict(Alert.objects.values_list("title", "severity"))
    assert levels == {"规则 一": "critical", "规则 二": "low"}
    store(named("一", "ip", "203.0.113.9", severity="low", number=1))
    assert Alert.objects.get(title="规则 一").severity == "critical"


def test_a_rule_about_hits_tells_of_stored_alerts_too(load):
    stage.configure()
    store(named("一", "ip", "203.0.113.9"), named("二", "ip", "203.0.113.10"))
    stage.rule(on=["hit"], severities=[])
    load()
    retrospect.compare()
    assert set(AlertMessage.objects.values_list("alerts__title", flat=True)) == {"规则 一"}


def test_our_own_addresses_are_no_entries(load):
    store(host("web-01", "203.0.113.9"))
    told = load()
    assert any("web-01" in each["reason"] for each in told["rejected"])
    with pytest.raises(CommandError, match="web-01"):
        load("value,type\n203.0.113.0/28,cidr\n", "另一份")


def test_looking_a_value_up_says_what_lists_say(load):
    load()
    found = indicators.lookup("hxxp://203.0.113[.]200/x")
    assert [each.note for each in found.listed] == ["扫描器"]
    assert not indicators.lookup("203.0.113.10").listed


def test_an_address_with_a_prefix_is_never_taken_for_the_whole_network(load):
    rows = "value,type\n198.51.100.0/8,\n203.0.113.77/24,cidr\n2001:db8::1/32,\n203.0.113.0/25,\n198.51.100.7/32,\n"
    told = load(rows)
    assert told["created"]["indicator"] == 2
    assert set(ListedIndicator.objects.values_list("value", flat=True)) == {"203.0.113.0/25", "198.51.100.7"}
    assert [each["position"] for each in told["rejected"]] == ["第 2 行", "第 3 行", "第 4 行"]
    assert "整个网段请写 198.0.0.0/8，只要这一个地址请去掉 /8" in told["rejected"][0]["reason"]
