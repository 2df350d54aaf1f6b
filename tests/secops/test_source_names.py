"""WAF and waf are one source: where alerts come in, where they are listed and counted, where rules look at them."""

import pytest

from secops_agent.models import Alert, Silence
from secops_agent.services import source_names as sources
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.queries.filters import AlertFilter
from secops_agent.services.alerts.queries.statistics import count, statistics
from secops_agent.services.intake import ingest
from secops_agent.services.notifications.conditions import Conditions, Facts
from secops_agent.services.notifications.coverage import known_value
from secops_agent.services.notifications.silences import covering
from secops_agent.services.operations import queues
from secops_agent.services.sla import RiskClock
from tests.secops.inventory_aid import NOW, alert, store

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    sources._stored.clear()


def before() -> None:
    """As they were stored before one name was one source."""
    store(alert("a", source="WAF"), alert("b", source="WAF"), alert("c", source="edr"))
    Alert.objects.filter(dedup_key="b").update(source="waf")


def test_an_alert_of_a_known_source_is_of_it_whatever_its_case() -> None:
    store(alert("a", source="WAF"))
    store(alert("a", 1, source="waf"), alert("n", source="Neu"), alert("m", source="neu"))
    assert set(Alert.objects.values_list("source", flat=True)) == {"WAF", "Neu"}
    assert Alert.objects.get(source="WAF").count == 2, "the same alert again"


def test_whoever_speaks_for_some_sources_only_is_none_of_the_others() -> None:
    store(alert("a", source="WAF"))
    token = Actor("token", "1", "t", "api", sources=("waf",))
    ingest.store(iter([alert("a", 1, source="waf")]), token, received_at=NOW)
    assert set(Alert.objects.values_list("source", flat=True)) == {"WAF", "waf"}


def test_lists_counts_and_rules_join_what_was_stored_before() -> None:
    before()
    assert sources.names() == ["WAF", "edr", "waf"] or set(sources.names()) == {"WAF", "edr", "waf"}
    for name in ("WAF", "waf", "Waf"):
        assert count(AlertFilter(sources=(name,))) == 2
    groups = {each.value: each.count for each in statistics(group_by="source").groups}
    assert sorted(groups.values()) == [1, 2]
    buckets = queues.facets(AlertFilter(sources=("waf",)), RiskClock(NOW)).buckets["source"]
    assert sorted(each.count for each in buckets) == [1, 2]
    assert Conditions(sources=("waf",)).match(Facts("high", "WAF", ()), ("new",))
    assert not Conditions(sources=("edr",)).match(Facts("high", "WAF", ()), ("new",))


def test_a_silence_of_a_source_is_of_its_other_spelling() -> None:
    store(alert("a", source="WAF"))
    assert known_value("source", "waf") == "WAF"
    silence = Silence(scope="source", value="waf")
    assert covering([silence], Alert.objects.get(), Facts("high", "WAF", ())) is silence
    assert covering([silence], Alert.objects.get(), Facts("high", "edr", ())) is None


def test_a_long_name_is_what_it_was() -> None:
    """It is cut where it is stored, not in what an alert is told apart by."""
    name = "很长的来源" * 20
    store(alert("a", source=name))
    store(alert("a", 1, source=name))
    assert Alert.objects.get().count == 2
