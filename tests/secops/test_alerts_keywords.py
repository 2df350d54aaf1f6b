"""Keyword search: the same answers on both databases, whether an alert is indexed yet or not."""

import itertools

import pytest
from django.db import connection
from django.utils import timezone

from secops_agent.models import Alert
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries import search as keyword_search
from secops_agent.services.alerts.queries import words
from secops_agent.services.alerts.queries.words import Keyword
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.operations import queues
from secops_agent.services.records import Indicator
from secops_agent.services.sla import RiskClock

from .inventory_aid import alert, host, later, store

pytestmark = pytest.mark.both_databases("every test")

TEXTS = {
    "a": {"title": "主机 web-01 连接矿池，疑似挖矿"},
    "b": {"title": "SSH 暴力破解", "rule_id": "5763", "rule_name": "sshd: Brute_Force 100% [root]"},
    "c": {
        "title": "利用 CVE-2021-44228（Log4Shell）",
        "description": "来自 203.0.113.77:8443 的请求 ${jndi:ldap}",
    },
    "d": {"title": "WebShell 上传", "description": "/var/www/html/a\\b.php 命中规则，文件末尾是毒"},
    "e": {"title": "正常登录", "indicators": (Indicator("ip", "198.51.100.9"),)},
    "f": {"title": "𠮷野家邮件 📧 钓鱼", "source": "邮件网关"},
    "m": {"title": "École · ÉTUDE"},
}
KEYWORDS = {
    "挖矿": "a", "矿": "a", "疑似挖矿": "a", "web-01": "a", "WEB": "ad", "暴力": "b", "力破": "b", "5763": "b", "brute_f": "b",
    "0%": "b", "[root]": "b", "_": "b", "cve-2021-44228": "c", "2021-44": "c", "203.0.113.77": "c", "113.7": "c", "44228": "c",
    "${jndi": "c", "a\\b": "d", "毒": "d", "是毒": "d", "198.51.100.9": "e", "198.51.100": "", "📧": "f", "𠮷野": "f", "邮件": "f",
    "邮件网关": "f", "É": "m", "é": "", "école": "", "cole": "m", "tude": "m", "网关": "f", "\"": "", "'": "", "*": "", "AND": "", "破 暴": "", "不存在": "", "h": "bcd",
    "利用 CVE-2021-44228（Log4Shell）": "c",
}  # fmt: skip


@pytest.fixture
def six(database):
    store(*(alert(key, **{"rule_name": "", **text}) for key, text in TEXTS.items()))
    return {row.dedup_key: row.pk for row in Alert.objects.all()}


def keys(keyword, **wanted):
    found = {each.id for each in triage.search(AlertFilter(keyword=keyword, private=True, **wanted)).items}
    return "".join(sorted(Alert.objects.filter(pk__in=found).values_list("dedup_key", flat=True)))


@pytest.mark.slow
@pytest.mark.only_postgresql
def test_many_new_alerts_are_counted_for_the_planner(six, monkeypatch):
    def tables_with(rows):
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE reltuples = %s", [rows])
            return {name for (name,) in cursor.fetchall()}

    words.index()
    assert "secops_agent_alert" not in tables_with(7)
    monkeypatch.setattr(words, "MANY", 1)
    store(alert("y", title="又一条"))
    words.index()
    assert tables_with(8) >= {"secops_agent_alert", "secops_agent_alertwords"}


@pytest.mark.slow
def test_every_keyword_finds_its_alerts(six, monkeypatch):
    expected = KEYWORDS
    assert {keyword: keys(keyword) for keyword in KEYWORDS} == expected
    monkeypatch.setattr(keyword_search, "WINDOW", 0)  # what is not among the newest: not indexed yet,
    assert {keyword: keys(keyword) for keyword in KEYWORDS} == expected
    assert words.index() == 7
    assert {keyword: keys(keyword) for keyword in KEYWORDS} == expected  # looked up,
    monkeypatch.setattr(keyword_search, "FEW", -1)
    assert {keyword: keys(keyword) for keyword in KEYWORDS} == expected  # and walked


def test_the_index_misses_nothing_and_narrows(six):
    words.index()
    for keyword, expected in KEYWORDS.items():
        sql, parameters = words.candidates(keyword)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = {pk for (pk,) in cursor.fetchall()}
        assert found == {six[key] for key in expected}, keyword


def test_index_takes_only_what_is_new_and_forgets_what_is_gone(six, monkeypatch):
    monkeypatch.setattr(keyword_search, "WINDOW", 0)
    assert [words.index(), words.index()] == [7, 0]
    store(alert("g", title="新的挖矿告警"))
    assert keys("挖矿") == "ag"
    assert [words.index(), words.index()] == [1, 0]
    assert keys("挖矿") == "ag"
    Alert.objects.filter(dedup_key__in="ag").delete()
    assert keys("挖矿") == ""
    words.index()
    store(alert("h", title="又见挖矿"))
    words.index()
    assert keys("挖矿") == "h"


def test_ids_that_are_given_away_again_are_indexed_again(six, monkeypatch):
    words.index()
    Alert.objects.all().delete()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'secops_agent_alert'")
        else:
            cursor.execute("ALTER SEQUENCE secops_agent_alert_id_seq RESTART")
    words.index()
    store(alert("z", title="勒索软件"))
    words.index()
    monkeypatch.setattr(keyword_search, "WINDOW", 0)
    assert (keys("勒索"), keys("挖矿")) == ("z", "")


def test_only_the_beginning_of_a_long_description_is_searched(database, monkeypatch):
    length = words.DESCRIBED
    store(alert("a", description="头" * (length - 2) + "尾巴外面"))
    for window in (1000, 0):
        monkeypatch.setattr(keyword_search, "WINDOW", window)
        assert (keys("头尾巴"), keys("外面"), keys("尾巴外")) == ("a", "", "")


@pytest.fixture
def sixty(database):
    """Half of them are about mining; the six oldest are rare."""
    for n in range(60):
        title = ("挖矿" if n % 2 else "登录") + (" 罕见" if n >= 54 else "")
        store(alert(f"k{n:02}", title=title, at=later(minutes=-n), assets=(host(f"h{n % 2}"),)))
    words.index()


def walk(keyword, **wanted):
    seen, cursor, totals = [], "", set()
    while True:
        page = triage.search(AlertFilter(keyword=keyword, cursor=cursor, **wanted))
        seen += [each.id for each in page.items]
        totals.add(page.total_text)
        cursor = page.next_cursor
        if not cursor:
            return Alert.objects.in_bulk(seen), seen, totals


@pytest.mark.slow
def test_pages_hold_every_match_once_and_in_order(sixty, monkeypatch):
    ways = itertools.product([(1000, 500), (20, 500), (20, 2), (0, -1)], ["-last_seen", "last_seen"])
    for (window, few), order in ways:
        monkeypatch.setattr(keyword_search, "WINDOW", window)
        monkeypatch.setattr(keyword_search, "FEW", few)
        rows, seen, _ = walk("挖矿", limit=8, order=order)
        moments = [rows[pk].last_seen for pk in seen]
        assert len(seen) == len(set(seen)) == 30
        assert moments == sorted(moments, reverse=order == "-last_seen")
        _, rare, _ = walk("罕见", limit=2, order=order, asset="h1")
        assert len(rare) == len(set(rare)) == 3


@pytest.mark.slow
def test_total_says_whether_all_were_counted(sixty, monkeypatch):
    mining = AlertFilter(keyword="挖矿"), AlertFilter(keyword="挖矿", asset="h1"), AlertFilter(asset="h1")
    assert walk("挖矿", limit=7)[2] == {"30"}
    assert [each.text for each in triage.count(*mining)] == ["30", "30", "30"]
    monkeypatch.setattr(keyword_search, "WINDOW", 20)
    monkeypatch.setattr(keyword_search, "FEW", 20)
    assert walk("挖矿", limit=7)[2] >= {"10+"}
    assert [each.text for each in triage.count(*mining)] == ["10+", "20+", "30"]
    assert walk("罕见", limit=4)[2] == {"6"}
    assert walk("没有", limit=4)[2] == {"0"}


def test_without_the_index_the_alerts_are_read(six, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE secops_agent_alertwords")
    monkeypatch.setattr(keyword_search, "WINDOW", 0)
    if connection.vendor == "sqlite":  # one without FTS5
        assert words.index() == 0
        assert keys("挖矿") == "a"


def test_list_of_a_common_keyword_is_what_reading_all_alerts_finds(database, monkeypatch):
    """By the index alone, by the newest of the list, and by spans of ids, with a filter beside."""
    for n in range(60):
        store(alert(f"k{n}", title=f"主机 srv-{n:03} 登录", severity="high" if n % 3 else "low"))
    words.index()
    keyword, high = Keyword("srv-0", private=True), Alert.objects.filter(severity="high")
    every = sorted(high.values_list("pk", flat=True), reverse=True)
    assert keyword_search.newest(high, keyword, 10) == (every, True)
    monkeypatch.setattr(keyword_search, "READ", 20)
    found, whole = keyword_search.newest(high, keyword, 10)
    assert (len(found) >= 10, whole) == (True, False)
    monkeypatch.setattr(keyword_search, "READ", 3)
    monkeypatch.setattr(keyword_search, "_NEWEST", 4)
    found, whole = keyword_search.newest(high, keyword, 10)
    assert found == every[: len(found)]
    assert (10 <= len(found) < len(every), whole) == (True, False)
    assert keyword_search.newest(high, keyword, 1000) == (every, True)
    assert keyword_search.newest(high, Keyword("没有"), 10) == ([], True)


def test_page_of_a_common_keyword_has_its_tabs_and_facets(database, monkeypatch):
    for n in range(30):
        store(alert(f"k{n}", title=f"主机 srv-{n:03} 登录", severity="high" if n % 3 else "low"))
    words.index()
    clock = RiskClock(timezone.now())
    for read in (10_000, 3):
        monkeypatch.setattr(keyword_search, "READ", read)
        queue = queues.settle(AlertFilter(keyword="srv-0", severities=("low",), order="urgent"), clock)
        assert len(queues.ids(queue, clock)) == 10
        assert [total.count for total in queues.counts([queue], clock)] == [10]
        levels = {each.value: each.count for each in queues.facets(queue, clock).buckets["severity"]}
        assert (levels["low"], levels["high"]) == (10, 20)
