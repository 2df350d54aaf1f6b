"""What is said at one in the morning, to whom and until when."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.secops.offline_lexicon import ASKER, LEXICON, understand

NIGHT = datetime(2026, 12, 2, 1, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


def said(text: str) -> Any:
    return understand(text, LEXICON, NIGHT, asker=ASKER)


@pytest.mark.parametrize(
    ("text", "hours", "period"),
    [("今晚有哪些严重告警", 8, None), ("今天凌晨到现在有哪些告警", 2, "today"), ("昨晚有哪些告警", 8, None)],
)
def test_tonight_after_midnight_began_yesterday(text: str, hours: int, period: str | None) -> None:
    found = said(text).intent.arguments
    assert (found["since_hours"], found.get("period")) == (hours, period)


def test_a_watch_lasts_at_least_until_the_hour_that_was_said() -> None:
    (offer,) = said("盯着 web-01，有新告警叫我，盯到早上九点").offers
    assert offer.arguments["until_hours"] == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("跟王五说一声 A237 快超时了，让他抓紧看一眼，语气客气点哈", "A237 快超时了，请你抓紧看一眼"),
        ("跟王五说声 麻烦他起来对一下材料", "麻烦你起来对一下材料"),
        ("跟王五说 李四在休假 让他别等", "李四在休假 让他别等"),
    ],
)
def test_a_message_speaks_to_who_gets_it(text: str, told: str) -> None:
    (offer,) = said(text).offers
    assert offer.arguments["text"] == told


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("web-01要不隔离吧，走申请", "isolate_host"),
        ("E2里从备份恢复那个任务勾掉吧，刚刚恢复完了", "finish_case_task"),
    ],
)
def test_what_denies_nothing_is_an_order(text: str, tool: str) -> None:
    assert [one.tool for one in said(text).offers] == [tool]


@pytest.mark.parametrize("text", ["web-01不隔离吧", "web-01 隔离恢复一下吧"])
def test_what_denies_it_is_none(text: str) -> None:
    assert "isolate_host" not in [one.tool for one in said(text).offers]


@pytest.mark.parametrize("text", ["web-01那几条C2的域名请求你给我看看", "那几条钓鱼的帮我看看"])
def test_who_wants_to_be_shown_alerts_takes_none_on(text: str) -> None:
    found = said(text)
    assert not found.offers
    assert found.order is None
    assert found.intent.tool == "list_alerts"


@pytest.mark.parametrize(
    "text",
    [
        "恢复203.0.113.5的封禁",
        "封禁203.0.113.5恢复",
        "静默A12恢复",
        "服务恢复后关闭A12误报",
        "封禁203.0.113.5后恢复业务",
        "我要不隔离web-01",
    ],
)
def test_what_takes_an_act_back_never_orders_it(text: str) -> None:
    assert not {one.tool for one in said(text).offers} & {
        "block_ip",
        "isolate_host",
        "silence_alerts",
        "close_alert",
    }


@pytest.mark.parametrize("told", ["谁叫他改的", "不让他登录web-01", "别让他重启", "申请他没通过"])
def test_a_message_about_somebody_else_stays_as_it_was_typed(told: str) -> None:
    for offer in said(f"跟王五说 {told}").offers:
        assert offer.arguments.get("text") in (None, told)
