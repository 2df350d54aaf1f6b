"""Times, recurrences and numbers as people type them; now is Tuesday 2026-11-24 10:30 in Shanghai."""

import pytest

from secops_agent.llm.offline.expressions.numerals import read_number
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from tests.secops.offline_lexicon import LEXICON, NOW, understand


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("最近24h", 24), ("近一小时", 1), ("过去两天", 48), ("24小时内", 24), ("今天", 11), ("昨天", 35), ("前天", 59),
        ("大前天", 83), ("今早", 5), ("今天上午", 5), ("昨晚", 17), ("凌晨", 11), ("刚才", 1), ("本周", 35), ("这周", 35),
        ("上周", 203), ("上上周", 371), ("本月", 563), ("上个月", 1307), ("周一以来", 35), ("上周五", 107), ("11月20日以来", 107),
        ("2026-11-20以来", 107), ("20号以来", 107), ("三天前至今", 72), ("国庆以来", 1307), ("近半个月", 360), ("最近一个半小时", 2),
        ("最近半小时", 1), ("最近一天半", 36), ("last 24 hours", 24), ("past 7 days", 168), ("昨天下午3点以来", 20), ("今年", 7859),
        ("二十四小时内", 24), ("最近几天", 72), ("过去一季度", 2160), ("最近７天", 168),
    ],
)  # fmt: skip
def test_a_time_range_becomes_hours_back_from_now(said: str, hours: int) -> None:
    intent = understand(f"{said}的告警", LEXICON, NOW).intent
    assert intent is not None
    assert (intent.tool, intent.arguments["since_hours"]) == ("list_alerts", hours)


def test_half_a_year_ends_where_the_next_begins() -> None:
    found = [understand(f"{said}的告警", LEXICON, NOW).intent for said in ("上半年", "下半年")]
    told = [dict(one.arguments) for one in found if one]
    assert [(one["since_hours"], "until_hours" in one) for one in told] == [(7859, True), (3515, False)]


@pytest.mark.parametrize(
    ("said", "cron"),
    [
        ("每天早上9点", "0 9 * * *"), ("每天9:30", "30 9 * * *"), ("每周一上午十点半", "30 10 * * 1"), ("工作日18点", "0 18 * * 1-5"),
        ("每个工作日下午六点", "0 18 * * 1-5"), ("每月1号", "0 9 1 * *"), ("每月15号下午3点", "0 15 15 * *"), ("每小时", "0 * * * *"),
        ("每半小时", "*/30 * * * *"), ("每隔2小时", "0 */2 * * *"), ("每15分钟", "*/15 * * * *"), ("每周一、三、五10点", "0 10 * * 1,3,5"),
        ("每周一到周五9点", "0 9 * * 1-5"), ("每周日20点", "0 20 * * 0"), ("每天中午12点", "0 12 * * *"), ("每晚10点", "0 22 * * *"),
        ("每天9点和18点", "0 9,18 * * *"), ("每天凌晨2点", "0 2 * * *"), ("每周末10点", "0 10 * * 0,6"), ("每天早上九点一刻", "15 9 * * *"),
    ],
)  # fmt: skip
def test_a_recurrence_becomes_cron(said: str, cron: str) -> None:
    found = read_recurrence(said)
    assert found is not None
    assert found.cron == cron


@pytest.mark.parametrize("said", ["每天25点", "每2分钟", "每月32号", "昨天", "每个人", "周五到现在"])
def test_what_is_no_recurrence_is_refused(said: str) -> None:
    assert read_recurrence(said) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("二十四", 24),
        ("十", 10),
        ("十二", 12),
        ("两", 2),
        ("半", 0.5),
        ("一百二十", 120),
        ("2.5", 2.5),
        ("一百零五", 105),
    ],
)
def test_numbers_are_read(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ("一小时", 60),
        ("90秒", 2),
        ("30秒钟", 1),
        ("3600秒", 60),
        ("半小时", 30),
        ("2h", 120),
        ("一天", 1440),
        ("半天", 720),
        ("三天", 4320),
        ("一周", 10080),
        ("永久", 0),
    ],
)
def test_a_duration_becomes_minutes(said: str, minutes: int) -> None:
    intent = understand(f"封禁 203.0.113.5 {said}", LEXICON, NOW).intent
    assert intent is not None
    assert intent.arguments["duration_minutes"] == minutes


@pytest.mark.parametrize(
    ("said", "until"),
    [("昨天", 11 - 1), ("前天", 35 - 1), ("上周", 35 - 1), ("上周五", 82), ("11月20日", 82), ("上周末", 35 - 1), ("昨天以来", None),
     ("从昨天到现在", None), ("昨晚", None), ("今天", None), ("昨天下午", 17 - 1), ("最近24小时", None)],
)  # fmt: skip
def test_only_a_day_a_week_or_a_month_that_is_over_has_an_end(said: str, until: int | None) -> None:
    intent = understand(f"{said}的告警", LEXICON, NOW).intent
    assert intent is not None
    assert intent.arguments.get("until_hours") == until
