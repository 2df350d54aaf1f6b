"""Where a row of the outbox stands, and what its reader gets, in the one wording of all pages."""

import pytest

from bifang.channels.models import OutboxRow, State


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [
        (State.PENDING, 0, "发送中"), (State.CLAIMED, 0, "发送中"), (State.PENDING, 2, "正在重试"), (State.DONE, 1, "已发送"),
        (State.DEAD, 3, "无法送达"), (State.UNKNOWN, 1, "结果未知"),
    ],
)  # fmt: skip
def test_nothing_is_sent_before_it_arrived(state: str, attempts: int, said: str) -> None:
    assert OutboxRow(state=state, attempts=attempts).standing == said


def test_a_file_that_goes_as_one_is_not_said_to_have_no_place() -> None:
    row = OutboxRow(text="文件「日报.pdf」没有地方可发", file_name="日报.pdf", target={"is_group": True})
    assert row.said == "文件「日报.pdf」"
    row.target = {"robot": "uid"}
    assert row.said == "文件「日报.pdf」没有地方可发"
