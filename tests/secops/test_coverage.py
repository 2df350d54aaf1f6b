"""What an answer leaves out is said above it, though another tool knows the words."""

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.offline.model import _remark
from tests.secops.offline_lexicon import understand


@pytest.mark.parametrize(
    ("said", "tool", "left"),
    [
        ("CVE-2021-44228 得升到哪版，期限哪天", "lookup_cve", "「期限哪天」没有逐字读懂"),
    ],
)
def test_what_the_chosen_tool_does_not_tell_is_named(said: str, tool: str, left: str) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert found.intent.tool == tool
    assert left in _remark(found)


@pytest.mark.parametrize(
    "said",
    [
        "web-01 谁负责的",
        "超时的总共几条，都压在谁头上",
        "A41 为啥报的",
        "CVE-2021-44228 严重吗",
        "今天有哪些高危告警",
        "我手上几条",
        "按级别统计今天的告警",
        "快超时的有几条",
        "明天谁值班",
        "web-01 还剩几个洞没修",
    ],
)
def test_what_is_answered_whole_has_no_such_line(said: str) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert _remark(found) == ""


def test_a_word_that_no_list_takes_is_asked_back() -> None:
    found = understand("web-01上sudo到root的是哪个账号")
    assert found.intent is None
    assert "「sudo」" in found.question


def test_a_flag_is_not_turned_round() -> None:
    found = understand("epss 90以上但没进kev的漏洞有几个")
    assert found.intent
    assert dict(found.intent.arguments) == {"epss": 90, "not_kev": True}


def test_assets_without_an_owner_are_those() -> None:
    found = understand("有没有asset没填owner")
    assert found.intent
    assert found.intent.arguments == {"unassigned": True}


def test_no_sentence_with_words_cut_out_is_a_tap() -> None:
    found = understand("有哪些告警发生超过300次还没人理")
    assert found.question
    assert all("有哪些告警发生" not in one.rest for one in found.suggestions)


@pytest.mark.parametrize(
    ("said", "wide", "narrow"),
    [
        ("现在还剩多少没关 严重几个", {"status": "unclosed"}, {"status": "unclosed", "severity": "critical"}),
        ("李四手上几条？几条超时", {"keyword": "李四"}, {"keyword": "李四", "due": "overdue"}),
    ],
)
def test_a_number_of_a_part_is_told_beside_that_of_the_whole(
    said: str, wide: dict[str, str], narrow: dict[str, str]
) -> None:
    found = understand(said)
    assert [found.intent, *found.beside] == [Intent("list_alerts", wide), Intent("list_alerts", narrow)]


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("falco多少 谁在看", "list_alerts", {"keyword": "falco"}),
        ("deploy这个账号最近在哪些告警里出现过", "list_alerts", {"keyword": "deploy"}),
        ("报得最多的前5条", "list_alerts", {"limit": 5, "order": "most"}),
        ("告警最多的机器top3", "alert_statistics", {"limit": 3, "group_by": "asset"}),
        ("SLA 破了几条", "list_alerts", {"due": "overdue"}),
    ],
)
def test_what_narrows_or_orders_is_no_word_beside(said: str, tool: str, arguments: dict[str, object]) -> None:
    assert understand(said).intent == Intent(tool, arguments)


def test_what_a_part_names_is_no_word_that_asks_nothing() -> None:
    found = understand("挖矿的 现在几台中了")
    assert found.intent is None or "挖矿" in str(found.intent.arguments)


def test_where_nothing_is_ordered_nothing_else_is_asked() -> None:
    assert understand("王五刚问db-02能不能静默 我说no").hint.startswith("好的，没有执行")


def test_who_does_a_task_and_until_when_may_begin_it() -> None:
    found = understand("E2加个任务 让李四明天中午前把备份恢复校验了")
    said = dict(found.offers[0].arguments)
    assert (said["text"], said["assignee"], said["due"][11:]) == ("把备份恢复校验了", "李四", "12:00")


def test_each_of_two_hosts_is_looked_up_though_one_is_unknown() -> None:
    found = understand("fin-pc-07跟web-01谁告警多")
    assert [one.arguments["asset"] for one in (found.intent, *found.beside) if one] == [
        "fin-pc-07",
        "web-01",
    ]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("8.8.8.8 今天出现了几次 封了没", ["list_alerts", "list_blocks"]),
        ("web-01现在几条严重 几条没人管", ["list_alerts", "list_alerts"]),
        ("今天来了多少告警，严重几条，谁在处理", ["list_alerts", "list_alerts"]),
    ],
)
def test_each_part_is_about_what_the_sentence_names(said: str, asked: list[str]) -> None:
    found = understand(said)
    calls = [one for one in (found.intent, *found.beside) if one]
    assert [one.tool for one in calls] == asked
    assert all("8.8.8.8" in one.arguments.values() for one in calls) == ("8.8.8.8" in said)


@pytest.mark.parametrize(
    "said",
    ["页面怎么这么慢", "系统升级了吗", "系统是谁买的", "那个谁弄的那个怎么说", "帮我看看那个页面怎么回事"],
)
def test_what_nobody_understood_is_asked_back_with_taps_and_no_card_is_shown(said: str) -> None:
    found = understand(said, asker="lisi")
    assert (found.intent, found.category) == (None, "")
    assert found.question
    assert found.suggestions


@pytest.mark.parametrize("said", ["毕方死机了？", "机器人老兄，现在工作还正常吗", "系统正常吗"])
def test_how_bifang_itself_stands_is_told(said: str) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert found.intent.tool == "service_status"


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("CVSS 10 的洞有哪几个", {"cvss": 10}),
        ("cvss 9以上的漏洞有哪些", {"cvss": 9}),
        ("any critical alerts not acked yet", {"severity": "critical", "status": "open"}),
        ("我名下还没点确认的告警", {"keyword": "lisi", "status": "open"}),
        ("昨天关的里FP有几条", {"verdict": "false_positive"}),
    ],
)
def test_a_number_and_a_denied_state_are_conditions(said: str, arguments: dict[str, object]) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert arguments.items() <= found.intent.arguments.items()


def test_a_number_that_nothing_takes_is_asked_back() -> None:
    found = understand("cvss 9.8的漏洞有哪些", asker="lisi")
    assert (found.intent, "9.8" in found.question) == (None, True)


def test_whether_it_is_grave_is_no_condition() -> None:
    found = understand("web-01 有几条告警没关 严不严重", asker="lisi")
    assert found.intent
    assert "severity" not in found.intent.arguments
