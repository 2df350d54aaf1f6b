"""The same trouble is written once, then counted at widening intervals."""

import itertools
import logging

from bifang.core.monitoring.journal import MAX_KEYS, Journal


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def _journal():
    clock = Clock()
    return Journal(logging.getLogger("dingtalk_integration.test"), "dingtalk [甲]", clock), clock


def test_journal_counts_repeats_at_widening_intervals(caplog):
    journal, clock = _journal()
    told = []
    for second in range(4 * 3600):
        clock.now = second
        before = len(caplog.records)
        journal.write("open http_500", "网关出错")
        told += [second] * (len(caplog.records) - before)
    assert told[:4] == [0, 60, 180, 420]
    assert max(b - a for a, b in itertools.pairwise(told)) <= 3600
    assert len(told) < 12
    texts = [row.getMessage() for row in caplog.records]
    assert texts[0] == "dingtalk [甲] 网关出错"
    assert texts[1] == "dingtalk [甲] 网关出错（同样的错误又发生 60 次）"


def test_journal_tells_the_rest_when_things_settle(caplog):
    caplog.set_level(logging.INFO)
    journal, _ = _journal()
    for _ in range(3):
        journal.write("a", "断开")
    journal.settle()
    journal.write("a", "断开")
    texts = [row.getMessage().removeprefix("dingtalk [甲] ") for row in caplog.records]
    assert texts == ["断开", "断开（同样的错误又发生 2 次）", "断开"]


def test_journal_settles_only_when_nothing_went_wrong_for_a_minute(caplog):
    journal, clock = _journal()
    for clock.now in (0, 1, 59, 90):
        journal.write("a", "断开")
        journal.calm()  # something else works meanwhile: no news
    clock.now = 150
    journal.calm()
    journal.write("a", "断开")
    texts = [row.getMessage().removeprefix("dingtalk [甲] ") for row in caplog.records]
    assert texts == ["断开", "断开（同样的错误又发生 3 次）", "断开"]


def test_journal_stays_small_however_many_kinds_there_are():
    journal, _ = _journal()
    for number in range(MAX_KEYS * 3):
        journal.write(f"topic {number}", "未知")
    assert len(journal._entries) == MAX_KEYS


def test_journal_writes_the_stack_but_not_the_text_of_an_error(caplog):
    journal, _ = _journal()
    try:
        raise ValueError("".join(["机", "密"]))
    except ValueError as error:
        journal.write("x", "出错", error=error)
    assert "test_journal_writes" in caplog.text
    assert "机密" not in caplog.text
