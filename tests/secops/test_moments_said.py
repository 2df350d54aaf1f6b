"""Times as people say them at night, and tasks with a word about who reads them."""

from datetime import datetime, timedelta

import pytest

from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.schedules import read_schedule
from secops_agent.llm.offline.intents import Intent
from secops_agent.services.notifications.silences import usual_ends
from tests.secops.offline_lexicon import NOW


@pytest.mark.parametrize(
    ("hour", "said", "hours"),
    [(2, "到明早8点", 6), (2, "到明天8点", 30), (22, "到明早8点", 10), (5, "到明早8点", 27)],
)
def test_before_dawn_the_next_morning_is_this_one(hour: int, said: str, hours: int) -> None:
    assert read_until(said, NOW.replace(hour=hour, minute=0, second=0, microsecond=0)) == hours * 60


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-26 03:30", ["到今早 9 点", "到今天 18 点"]),
        ("2026-11-26 08:00", ["到今天 18 点", "到明早 9 点"]),
        ("2026-11-26 15:59", ["到今天 18 点", "到明早 9 点"]),
        ("2026-11-26 17:00", ["到明早 9 点"]),
        ("2026-11-27 19:00", ["到明早 9 点", "到周一早上 9 点"]),
        ("2026-11-28 10:00", ["到明早 9 点", "到周一早上 9 点"]),
    ],
)
def test_a_page_offers_the_ends_that_make_sense_now(at: str, words: list[str]) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=NOW.tzinfo)
    ends = usual_ends(now)
    assert [said for _, said in ends] == words
    assert all(end - now >= timedelta(hours=2) for end, _ in ends)


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
