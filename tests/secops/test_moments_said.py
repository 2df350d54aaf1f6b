"""Times as people say them at night, and tasks with a word about who reads them."""

from datetime import timedelta

import pytest

from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.schedules import read_schedule
from secops_agent.llm.offline.intents import Intent
from secops_agent.services.notifications.silences import next_morning
from tests.secops.offline_lexicon import NOW


@pytest.mark.parametrize(
    ("hour", "said", "hours"),
    [(2, "到明早8点", 6), (2, "到明天8点", 30), (22, "到明早8点", 10), (5, "到明早8点", 27)],
)
def test_before_dawn_the_next_morning_is_this_one(hour: int, said: str, hours: int) -> None:
    assert read_until(said, NOW.replace(hour=hour, minute=0, second=0, microsecond=0)) == hours * 60


@pytest.mark.parametrize(
    ("hour", "days", "words"), [(3, 0, "到今早 9 点"), (9, 1, "到明早 9 点"), (20, 1, "到明早 9 点")]
)
def test_a_page_offers_the_morning_that_comes(hour: int, days: int, words: str) -> None:
    now = NOW.replace(hour=hour, minute=30)
    end, said = next_morning(now)
    assert (end.date() - now.date(), said) == (timedelta(days=days), words)
    assert now < end <= now + timedelta(days=1)


@pytest.mark.parametrize(
    ("said", "task", "cron", "certain"),
    [
        ("每天9点发日报给我", "日报", "0 9 * * *", True),
        ("每周一8点半发周报到这里", "周报", "30 8 * * 1", True),
        ("每天早上九点给我发一下未关闭的严重告警数，老板要看", "未关闭的严重告警数", "0 9 * * *", False),
        ("每天9点发日报，不对，周报", "日报", "0 9 * * *", False),
    ],
)
def test_who_reads_a_task_is_no_part_of_it(said: str, task: str, cron: str, certain: bool) -> None:
    wish = read_schedule(said, lambda _: Intent("security_report", {}))
    assert wish is not None
    assert (wish.intent.arguments, wish.certain) == ({"task": task, "cron": cron}, certain)
