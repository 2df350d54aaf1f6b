"""What nobody has seen is marked 未核实."""

import pytest

from secops_agent.agent.verification import MARK, mark_unknown

HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "thing",
    [
        "203.0.113.5",
        "2001:db8::1",
        "evil.example.com",
        "http://evil.example.com/a?b=1",
        "CVE-2024-3094",
        "CNVD-2021-95914",
        "GHSA-jfh8-c2jp-5v3q",
        HASH,
        HASH[:32],
    ],
)
def test_unseen_things_are_marked_and_seen_ones_are_not(thing):
    answer = f"来源是 {thing}，请关注。"
    assert mark_unknown(answer, ["没有这个"]) == f"来源是 {thing}{MARK}，请关注。"
    for source in (thing, f"告警提到{thing}。", f"x\n{thing.upper()}\ny"):
        assert mark_unknown(answer, [source]) == answer


@pytest.mark.parametrize("defanged", ["203[.]0[.]113[.]5", "203.0.113[.]5", "hxxp://203.0.113.5/x"])
def test_defanged_sources_count(defanged):
    assert mark_unknown("封禁 203.0.113.5", [f"看看 {defanged}"]) == "封禁 203.0.113.5"


def test_part_of_a_longer_address_is_not_the_address():
    assert MARK in mark_unknown("来源 1.2.3.4", ["1.2.3.45"])
    assert MARK in mark_unknown("来源 1.2.3.4", ["11.2.3.4"])
    assert MARK in mark_unknown("来源 bad.com", ["notbad.com"])


def test_a_seen_url_makes_its_host_known():
    assert MARK not in mark_unknown("域名 evil.example.com", ["http://evil.example.com:8080/x"])
    assert MARK not in mark_unknown("example.com", ["www.example.com"])
    assert MARK in mark_unknown("http://evil.example.com/other", ["http://evil.example.com/x"])


def test_what_was_marked_before_stays_unknown():
    earlier = f"可能是 203.0.113.77{MARK}"
    assert MARK in mark_unknown("是 203.0.113.77", [earlier])


def test_marks_do_not_break_markdown():
    assert mark_unknown("[详情](https://x.example/a)", []) == f"[详情](https://x.example/a){MARK}"
    assert mark_unknown("`10.9.9.9`", []) == f"`10.9.9.9`{MARK}"
    assert mark_unknown("**10.9.9.9** 在线", []) == f"**10.9.9.9**{MARK} 在线"
    once = mark_unknown("10.9.9.9", [])
    assert mark_unknown(once, []) == once


@pytest.mark.parametrize(
    "answer",
    [
        "最近 24 小时共 37 条告警，版本 2.14.1，时间 10:30，11-24 08:00",
        "请看 run.sh 和 config.yaml、log4j-core-2.14.1.jar",
        "org.apache.logging.log4j:log4j-core 低于 2.15.0",
        "比例 1:2，评分 9.8",
        "编号 T1110.001，999.1.1.1",
        "",
    ],
)
def test_ordinary_text_is_left_alone(answer):
    assert mark_unknown(answer, []) == answer


def test_long_hostile_answers_take_no_time():
    import time

    start = time.process_time()
    for text in (
        "a." * 20_000,
        "1." * 20_000,
        ":" * 20_000,
        "[](" * 5_000 + ")" * 5_000,
        "a-" * 20_000 + "://",
    ):
        mark_unknown(text, [])
    assert time.process_time() - start < 5
