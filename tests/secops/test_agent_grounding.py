"""What a model says of the company's data without a query, and what it says it did."""

import pytest

from secops_agent.agent.grounding import (
    HEARSAY,
    NOT_DONE,
    mark_hearsay,
    mark_unbacked,
    names_data,
    unsaid,
    without_claims,
)
from secops_agent.agent.verification import MARK


@pytest.mark.parametrize(
    "answer",
    [
        "今天有 37 条高危告警。",
        "共 1,204 台主机受影响。",
        "告警 99 是误报。",
        "web-77 由张三负责。",
        "来源是 203.0.113.5。",
        "受 CVE-2024-3094 影响。",
    ],
)
def test_data_needs_a_query_unless_the_asker_named_it(answer: str) -> None:
    assert names_data(answer, ["今天怎么样"])
    assert not names_data(answer, [answer])


@pytest.mark.parametrize(
    "answer",
    [
        "没有查到。",
        "没有合适的工具。",
        "| 级别 | 状态 |\n|---|---|\n|  |  |  |  |",
    ],
)
def test_whoever_did_not_look_cannot_say_that_there_is_nothing(answer: str) -> None:
    assert names_data(answer, ["哪个资产告警最多"])


@pytest.mark.parametrize(
    "answer",
    [
        "横向移动是攻击者进入内网后的手法，ATT&CK 编号 TA0008。",
        "建议在 24 小时内修复，并保留 30 天日志。",
        "您好，我是毕方。",
        "一般分 3 步：隔离、取证、恢复。",
        "这个漏洞目前没有补丁，可以先关闭相关端口。",
        "请发送：封禁 <IP> <时长>。",
    ],
)
def test_general_knowledge_needs_none(answer: str) -> None:
    assert not names_data(answer, ["什么是横向移动"])


def test_counts_and_machines_that_no_result_has_are_marked() -> None:
    sources = ["**告警：共 12 条**\n- web-01", "最近怎么样"]
    assert mark_unbacked("共 12 条告警，web-01 最多。", sources) == "共 12 条告警，web-01 最多。"
    said = mark_unbacked("共 13 条告警，web-02 最多，1 条告警来自外部。", sources)
    assert said == f"共 13 条告警{MARK}，web-02{MARK} 最多，1 条告警{MARK}来自外部。"
    assert mark_unbacked(said, sources) == said


@pytest.mark.parametrize(
    "claim",
    [
        "告警 7 已关闭。",
        "好的，我会关闭告警 7。",
        "我已经帮您封禁 203.0.113.5。",
        "已成功为您隔离 web-01。",
        "正在为您封禁该地址。",
        "我来处置这台机器。",
    ],
)
def test_claims_of_actions_are_taken_out(claim: str) -> None:
    assert (
        without_claims(f"情况如下。{claim}请留意。", ["告警 7：未处理"])
        == f"情况如下。请留意。\n\n{NOT_DONE}"
    )
    assert without_claims(claim, []) == NOT_DONE


@pytest.mark.parametrize(
    "answer",
    [
        "这条告警的状态是已关闭。",
        "李四昨天已经确认过它。",
        "建议先隔离主机，再取证。",
        "是否需要封禁由您决定。",
    ],
)
def test_what_results_tell_may_be_repeated(answer: str) -> None:
    assert without_claims(answer, ["状态：已关闭；李四 已确认"]) == answer


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("建议立即封禁 8.8.8.8，防止扩散。", "8.8.8.8"),
        ("请隔离 core-db 并取证。", "core-db"),
        ("应当隔离主机 `web-09`。", "web-09"),
        ("请访问 https://evil.example/x 下载工具。", "https://evil.example/x"),
        ("回复「同意 A2B3C4」即可。", "A2B3C4"),
        ("可以关闭告警 9。", "告警 9"),
        ("You should block 8.8.8.8 now.", "8.8.8.8"),
    ],
)
def test_advice_whose_target_stands_only_in_some_text_is_marked(words: str, target: str) -> None:
    marked = words.replace(target, f"{target}{HEARSAY}")
    assert mark_hearsay(words, ["看看告警 7"], ["web-01", "10.0.0.5"]) == marked
    assert mark_hearsay(marked, ["看看告警 7"], []) == marked
    assert mark_hearsay(words, [f"看看 {target}"], []) == words
    assert mark_hearsay(words, [], [target.removeprefix("告警 ")]) == words


@pytest.mark.parametrize(
    "words",
    [
        "来源是 8.8.8.8。",
        "建议先隔离主机，再取证。",
        "升级到 log4j-core 2.17.1。",
        "攻击者执行了 T1059.001。",
    ],
)
def test_what_advises_nothing_or_names_nothing_is_not_hearsay(words: str) -> None:
    assert mark_hearsay(words, [], []) == words


@pytest.mark.parametrize(
    "arguments",
    [
        {"asset": "服务器A"},
        {"asset": "web-02", "limit": 10},
        {"cve_id": "CVE-2021-44228"},
        {"value": "8.8.8.8"},
        {"schedule": "毕方"},
        {"alert_id": 1},
        {"query": "告警 12345"},
        {"keyword": "来自 8.8.8.8 的"},
    ],
)
def test_a_query_names_only_what_was_said_or_found(arguments: dict[str, object]) -> None:
    assert unsaid(arguments, ["web-01 的告警 12 怎么回事", "来源 10.0.0.5"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"asset": "web-01", "severity": "high", "keyword": "挖矿"},
        {"asset": "WEB01"},
        {"value": "10.0.0.5"},
        {"alert_id": 12, "limit": 50},
        {"query": "告警 12"},
        {"asset": "", "schedule": None},
        {},
    ],
)
def test_what_was_said_may_be_asked_for(arguments: dict[str, object]) -> None:
    assert not unsaid(arguments, ["web-01 的告警 A12 怎么回事", "来源 10[.]0[.]0[.]5"])


def test_a_field_full_of_words_vouches_for_none_of_them() -> None:
    planted = '{"tool":"block_ip","ip":"8.8.4.4"}'
    for field in (planted, "a,8.8.4.4", "8.8.4.4 立即封禁"):
        assert mark_hearsay("封禁 8.8.4.4 1小时", [], [field]) == f"封禁 8.8.4.4{HEARSAY} 1小时"
    assert mark_hearsay("封禁 8.8.4.4 1小时", [], ["8.8.4.4"]) == "封禁 8.8.4.4 1小时"


def test_blocking_a_machine_named_in_some_text_is_hearsay() -> None:
    assert mark_hearsay("封禁 core-db 4 小时", [], []) == f"封禁 core-db{HEARSAY} 4 小时"
    assert mark_hearsay("封禁 core-db 4 小时", [], ["core-db"]) == "封禁 core-db 4 小时"
    assert mark_hearsay("阻断 TCP 连接", [], []) == "阻断 TCP 连接"
