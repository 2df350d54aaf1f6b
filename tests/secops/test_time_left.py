"""What is left of a time limit, in the words of every page, message and answer."""

from datetime import UTC, datetime, timedelta

import pytest

from secops_agent.services.clock import left_told


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4 * 3600, "还剩 4 小时"), (4 * 3600 - 20, "还剩 4 小时"), (72 * 60, "还剩 1 小时 12 分"), (40, "还剩 1 分钟"),
        (10, "还剩不到 1 分钟"), (0, "已超时"), (-60, "已超时 1 分钟"), (-86_400, "已超时 1 天"), (-90_000, "已超时 1 天 1 小时"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_limit_is_told_to_the_nearest_minute(seconds: int, said: str) -> None:
    now = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert left_told(now + timedelta(seconds=seconds), now) == said
