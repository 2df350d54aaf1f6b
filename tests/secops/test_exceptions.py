"""What an order excepts, or what its words narrow and no tool can, is never offered."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from secops_agent.models import Alert, AlertAsset, Silence
from tests.secops.decisions_aid import company, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

LIST = Focus().after_look_up(Intent("list_alerts", {"severity": "high"}, ("21", "22", "23", "24")))
PRIVATE = {"conversation": "cid-private-li", "is_group": False}


@pytest.fixture(autouse=True)
def without_limits() -> Iterator[None]:
    with override_settings(RATE_LIMITS=False):
        yield


@pytest.mark.parametrize(
    "said",
    [
        "除了 A12，A13 A14 都误报关了",
        "除了 A12 都误报关了",
        "A12 以外的都误报关了",
        "A13 A14 都误报关了，除了 A13",
        "A13 A14 都指派给李四，A13 除外",
        "保留 A12，A13 A14 误报关了",
        "A13 A14 误报关了，A12 留着",
        "隔离 web-01 以外的主机",
        "隔离除 web-01 外的所有机器",
        "除 web-01 外全部隔离",
        "web-01 之外的机器都断网",
        "封禁除 203.0.113.5 以外的攻击源",
        "除 203.0.113.5 外全封了",
        "203.0.113.5 打了 203.0.113.9，把前者封了",
        "203.0.113.5 和 203.0.113.9，封后者",
        "隔离 web-01 旁边的 web-02",
        "203.0.113.5 的上游 203.0.113.6 封了",
        "封 203.0.113.5 留着，其余的封了",
        "A286 guan le ba, dup of A285",
        "close A286 as dup of A285",
        "A29 1关掉 误报",
    ],
)
def test_an_exception_offers_nothing_and_asks_for_the_names(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert "请只写要操作的那些" in found.hint


@pytest.mark.parametrize("said", ["294不要动", "A294 先别动", "a294 就别处理了", "294不用管"])
def test_what_is_to_be_left_alone_completes_no_order(said: str) -> None:
    waiting = Focus().after_words({}, Intent("acknowledge_alert", {"alert_id": 293}))
    assert not understand(said, LEXICON, NOW, focus=waiting, asker=ASKER).offers


@pytest.mark.parametrize(
    "said",
    [
        "除了第一条都误报关了",
        "第一条以外都误报关了",
        "这些都误报关了，除了第二条",
        "前三条误报关了，第二条除外",
        "低危的那几条误报关了",
        "中危的那些都误报关了",
        "web-01 那几条都误报关了",
        "webshell 那些都误报关了",
        "剩下的都误报关了",
        "其他的都指派给李四",
    ],
)
def test_a_reference_beside_a_description_is_not_the_whole_list(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=LIST)
    assert not found.offers
    assert not found.each
    assert found.hint or found.question


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ("倒数第二条误报关了", [23]),
        ("最后两条误报关了", [23, 24]),
        ("第一条到第三条误报关了", [21, 22, 23]),
        ("第一条和第三条误报关了", [21, 23]),
        ("最后一条误报关了", [24]),
        ("这些高危都误报关了", [21, 22, 23, 24]),
        ("这些都误报关了", [21, 22, 23, 24]),
    ],
)
def test_rows_that_are_meant_are_offered(said: str, rows: list[int]) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=LIST)
    assert [one.arguments["alert_id"] for one in found.offers] == rows


@pytest.mark.parametrize(
    "said",
    [
        "除 web-01 外的告警都误报关了",
        "除了 web-01 的告警都误报关了",
        "web-01 除外，高危告警都误报关了",
        "除暴力破解外 web-01 的告警都误报关了",
    ],
)
@pytest.mark.django_db
def test_the_alert_that_was_to_be_spared_stays_open(said: str) -> None:
    config = company()
    one = host("web-01", "10.0.0.5")
    store(alert("a", assets=(one,)), alert("b", assets=(host("web-02", "10.0.0.6"),)))
    talk(config, ("li", said), **PRIVATE)
    talk(config, ("li", "好"), **PRIVATE)
    spared = AlertAsset.objects.filter(asset__name="web-01").values_list("alert_id", flat=True)
    assert set(Alert.objects.filter(pk__in=spared).values_list("status", flat=True)) == {"open"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "said",
    [
        "静默 规则 webshell上传 的低危告警",
        "静默昨天的 webshell上传 告警",
        "webshell上传 中危的告警静默一小时",
    ],
)
def test_a_silence_cannot_be_narrowed_and_says_so(said: str) -> None:
    config = company()
    store(
        alert("webshell上传", severity="low"),
        alert("webshell上传", 1, severity="critical", rule_name="规则 webshell上传"),
    )
    (told,) = talk(config, ("li", said), **PRIVATE)
    assert "静默不能只限" in told
    talk(config, ("li", "好"), **PRIVATE)
    assert not Silence.objects.exists()


def test_an_asset_is_not_silenced_whole_for_its_low_alerts() -> None:
    found = understand("静默 web-01 的低危告警", LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert "「低危」" in found.question


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("今晚 10 点封禁 203.0.113.5", "到点执行一次"),
        ("晚上10点隔离 web-01", "到点执行一次"),
        ("下班后隔离 web-01", "到点执行一次"),
        ("三天后把 A12 误报关了", "到点执行一次"),
        ("两小时后隔离 web-01", "到点执行一次"),
        ("延后隔离 web-01", "到点执行一次"),
        ("维护窗口里隔离 web-01", "到点执行一次"),
        ("永久静默 A1", "抑制规则"),
        ("封 203.0.113.5 还是 203.0.113.6", "请只写要操作的那些"),
        ("A12 和 A13 选一个误报关了", "请只写要操作的那些"),
        ("隔离 web-01 和 web-02 中的一台", "请只写要操作的那些"),
        ("A1 到 A50 误报关了", "请只写要操作的那些"),
        ("查一下 隔离 web-01 的告警", "没有执行"),
        ("防火墙拦截了 203.0.113.5", "没有执行"),
        ("防火墙把 203.0.113.5 拦了", "没有执行"),
        ("错把 203.0.113.5 封了", "没有执行"),
        ("封禁 203.0.113.5 的告警 A12 误报关了", "没有执行"),
        ("A12 说 203.0.113.5 该封，你看着办", ""),
        ("把封 203.0.113.5 的那个同事找来", ""),
    ],
)
def test_a_report_a_choice_or_a_later_time_is_no_order(said: str, told: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert told in f"{found.hint}{found.question}"


@pytest.mark.parametrize(
    "said", ["203.0.113.5 还是封了吧", "A12 误报关了，今晚 10 点我再看", "下班前把 203.0.113.5 封了"]
)
def test_an_order_of_now_is_offered(said: str) -> None:
    assert len(understand(said, LEXICON, NOW, asker=ASKER).offers) == 1
