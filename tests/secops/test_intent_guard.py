"""What an asker's own words ask for, and what they do not."""

import pytest

from secops_agent.agent.intent_guard import asks_for


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("block_ip", "把 203.0.113.5 加黑一天"),
        ("block_ip", "别忘了封 203.0.113.5"),
        ("block_ip", "不要犹豫，封掉 203.0.113.5"),
        ("block_ip", "don't wait, block 203.0.113.5"),
        ("isolate_host", "切断 web-01 的网络"),
        ("isolate_host", "把 web-01 的网拔了，快断网"),
        ("close_alert", "27 号结掉吧"),
        ("close_alert", "告警 27 归档"),
        ("assign_alert", "告警 27 让李四看看"),
        ("delete_schedule", "不要再发日报了"),
    ],
)
def test_asked_for(tool: str, text: str) -> None:
    assert asks_for(tool, [text])


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("block_ip", "203.0.113.5 是什么来头"),
        ("block_ip", "不要封 203.0.113.5"),
        ("block_ip", "不要把 203.0.113.5 给封了"),
        ("block_ip", "先不把这个地址拉黑"),
        ("block_ip", "please don't ever block 203.0.113.5"),
        ("isolate_host", "别动 web-01，不要把它隔离"),
        ("isolate_host", "web-01 上有什么漏洞"),
        ("close_alert", "告警 27 的详情"),
        ("assign_alert", "告警 27 什么级别"),
    ],
)
def test_not_asked_for(tool: str, text: str) -> None:
    assert not asks_for(tool, [text])


def test_one_of_the_last_messages_is_enough() -> None:
    assert asks_for("block_ip", ["封 203.0.113.5", "好的，按你说的来"])
