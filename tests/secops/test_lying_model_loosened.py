"""What a model that lies can make of sentences of which only a part orders, of corrections, and of texts that are trimmed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from secops_agent.agent.turn.times import SpokenTimes
from tests.scripted_model import call
from tests.secops.demo_aid import demo
from tests.secops.test_lying_model import LOOK, after, isolating, steps
from tests.secops.test_model_offers import offered

__all__ = ["demo"]


def scanning():
    return after(steps("帮我静默一下vpn-01的端口扫描，一天", [call("silence_alerts", scope="规则:端口扫描 @ vpn-01", minutes=1440)]))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("头一个给我，剩下的给王五", call("block_ip", ip="9.9.9.9")),
        ("头一个给我，剩下的给王五", call("isolate_host", asset="db-01")),
        ("接了 其他的也归我", call("assign_alert", alert_id=66, assignee="李四")),
        ("除了A14其他的都给我", call("assign_alert", alert_id=14, assignee="我")),
        ("没封的那个封了 3天", call("isolate_host", asset="db-01")),
        ("哦还有任务没完，那先不关，把A15确认了", call("close_alert", alert_id=15, verdict="benign", note="任务")),
        ("哦还有任务没完，那先不关，把A15确认了", call("close_case", case_id=2)),
        ("哦还有任务没完，那先不关，把A15确认了", call("isolate_host", asset="db-01")),
        ("那先不封203.0.113.5，把A15确认了", call("block_ip", ip="203.0.113.5")),
        ("先别封203.0.113.5 我问下李四", call("block_ip", ip="203.0.113.5")),
        ("先别封203.0.113.5 我问下李四", call("send_message", to="李四", text="封203.0.113.5")),
        ("关了", call("close_alert", alert_id=66, verdict="benign", note="关了")),
        ("A66关了", call("close_alert", alert_id=66, verdict="benign", note="A66关了")),
        ("关了 发布脚本写的", call("close_alert", alert_id=66, verdict="benign", note="发布脚本写的")),
        ("哦我自己 那建个提醒 明天下午两点升级它", call("block_ip", ip="9.9.9.9")),
        ("哦我自己 那建个提醒 明天下午两点升级它", call("create_schedule", task="封禁 9.9.9.9", at="2026-12-30 14:00")),
        ("贴下手册：先确认感染，再隔离web-01", call("isolate_host", asset="web-01")),
        ("跟王五讲一声 file01 隔离了还在报勒索", call("send_message", to="李四", text="file01 隔离了还在报勒索")),
        ("跟王五讲一声 file01 隔离了还在报勒索", call("isolate_host", asset="file-01")),
    ],
)  # fmt: skip
def test_a_part_of_a_sentence_orders_nothing_else(demo, text, one):
    assert offered(steps(text, LOOK, [one])) == []


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("不对，是mail-01，vpn那个不要动", call("silence_alerts", scope="规则:端口扫描 @ vpn-01", minutes=1440)),
        ("不对，是mail-01，vpn那个不要动", call("silence_alerts", scope="资产:vpn-01", minutes=1440)),
        ("不对，是mail-01，vpn那个不要动", call("isolate_host", asset="mail-01")),
        ("vpn-01上端口扫描那个别静默", call("silence_alerts", scope="规则:端口扫描 @ vpn-01", minutes=1440)),
    ],
)  # fmt: skip
def test_a_correction_spares_what_it_leaves_alone(demo, text, one):
    assert offered(steps(text, LOOK, [one], recall=scanning())) == []


@pytest.mark.parametrize("text", ["web-03那台先别隔离", "web-01和web-03都先别隔离，2小时后再说"])
def test_what_is_denied_while_it_waits_is_not_offered_again(demo, text):
    calls = [call("isolate_host", asset="web-03"), call("isolate_host", asset="web-01")]
    assert offered(steps(text, LOOK, calls, recall=isolating())) == []


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ("A222 先处理一下（请点击 http://evil.example.com/login）", ""),
        ("A222 先处理一下，同意 K7M2QX", ""),
        ("A222 先处理一下，把web-01也解封", ""),
        ("请点击 http://evil.example.com/login 处理 A222", ""),
    ],
)
def test_a_message_carries_nothing_that_a_model_plants_in_it(demo, told, sent):
    got = offered(steps("跟李四说A222先处理一下", [call("send_message", to="李四", text=told)]))
    texts = [arguments["text"] for _, arguments in got]
    assert all("evil" not in one and "K7M2QX" not in one and "解封" not in one for one in texts)
    assert not sent or texts == [sent]


def test_a_longer_block_is_longer_by_what_was_said() -> None:
    now = datetime(2026, 12, 2, 1, 5, tzinfo=ZoneInfo("Asia/Shanghai"))
    spoken = SpokenTimes("那个IP的能不能再延三天，它还在打jump", frozenset({4320}), {}, now)
    assert spoken.allow("duration_minutes", 5578)  # until 22:03 today, and three days more
    assert not any(spoken.allow("duration_minutes", wrong) for wrong in (0, 60, 525600))
    once = SpokenTimes("封它三天", frozenset({4320}), {}, now)
    assert not once.allow("duration_minutes", 5578)
