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


@pytest.mark.parametrize(
    "said",
    [
        "莫隔离web-01哈 备份还在跑", "莫封203.0.113.5", "203.0.113.5莫封哈", "A12莫关 误报", "唔好隔离web-01", "咪封203.0.113.5",
        "web-01休要隔离", "web-01下线了 A12误报关了", "web-01下线了",
    ],
)  # fmt: skip
def test_a_dialect_denies_too_and_a_state_is_no_order(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert {one.tool for one in found.offers} <= {"close_alert"}
    assert not found.offers or "下线" in said


def test_each_piece_keeps_its_own_row_and_person() -> None:
    found = understand("第三条给我 第一条给张三", LEXICON, NOW, asker=ASKER, focus=LIST)
    assert [one.arguments for one in found.offers] == [
        {"alert_id": 23, "assignee": ASKER},
        {"alert_id": 21, "assignee": "张三"},
    ]


def test_the_host_that_was_spoken_of_narrows_what_is_described() -> None:
    before = Focus().after_look_up(Intent("get_asset", {"asset": "k8s-node-7"}))
    found = understand("webshell的都关 正常行为", LEXICON, NOW, asker=ASKER, focus=before)
    assert found.intent is not None
    assert found.intent.arguments["asset"] == "k8s-node-7"
    assert not found.each
    assert "k8s-node-7" in found.hint
    wide = understand("所有主机的webshell都关 正常行为", LEXICON, NOW, asker=ASKER, focus=before)
    assert wide.each == "all"


def test_what_was_nearly_done_is_told_without_a_line_that_does_it() -> None:
    found = understand("刚差点手滑把A12关了", LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    assert found.suggestions
    assert not any("误报" in f"{one.verb}{one.rest}" for one in found.suggestions)


@pytest.mark.parametrize(("said", "left"), [("后面那个先不 是扫描器", 5)])
def test_one_of_two_is_taken_out_of_the_offer(said: str, left: int) -> None:
    both = [Intent("block_ip", {"ip": f"203.0.113.{end}"}) for end in (5, 6)]
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=Focus().after_words({}, *both))
    assert [one.arguments["ip"] for one in found.offers] == [f"203.0.113.{left}"]
    assert found.drops


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("我手上中危的全转李四", {"severity": "medium", "assignee": ASKER}),
        ("严重没人接的全丢王五", {"severity": "critical", "unassigned": True}),
        ("未分配的高危都甩张三", {"severity": "high", "unassigned": True}),
    ],
)
def test_who_is_handed_what_is_listed_narrows_nothing(said: str, given: dict[str, object]) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    assert found.intent.arguments.items() >= given.items()
    assert "keyword" not in found.intent.arguments
    assert found.order is not None
    assert found.order.arguments["assignee"] in said
    assert found.each == "all"


@pytest.mark.parametrize("said", ["快超时的 我跟李四分一下", "那我超时的高危匀一半给王五"])
def test_what_is_to_be_shared_out_is_asked_back(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    assert not {"keyword", "assignee"} & found.intent.arguments.keys()
    assert not found.offers
    assert "怎么分由您定" in found.hint


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("log4j那个洞 影响我们哪些机子", "log4j"), ("46604有补丁没 要升到几", "46604"), ("6387那个openssh的洞 影响几台", "6387"),
        ("mysql connector那个 有修复版本吗 影响好多台", "connector"), ("fastjson影响几个 升到多少", "fastjson"),
    ],
)  # fmt: skip
def test_a_product_or_the_end_of_an_id_narrows_the_flaws(said: str, word: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent == Intent("list_vulnerabilities", {"keyword": word})


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
def test_a_silence_cannot_be_narrowed_and_asks_which_alert(said: str) -> None:
    config = company()
    store(
        alert("webshell上传", severity="low"),
        alert("webshell上传", 1, severity="critical", rule_name="规则 webshell上传"),
    )
    (told,) = talk(config, ("li", said), **PRIVATE)
    assert "要静默哪" in told
    talk(config, ("li", "好"), **PRIVATE)
    assert not Silence.objects.exists()


def test_an_asset_is_not_silenced_whole_for_its_low_alerts() -> None:
    found = understand("静默 web-01 的低危告警", LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert found.intent
    assert (found.intent.arguments, found.each) == ({"severity": "low", "asset": "web-01"}, "one")


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
