"""The ranker: its weights belong to its data, and it decides questions, never orders."""

import time

import pytest

from secops_agent.llm.offline import ACTION_TOOLS, READ_TOOLS
from secops_agent.llm.understanding import ranker
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand
from tests.secops.ranker import OWN, Labelled, digest, heard, read

NO_TOOLS = {"nothing", "chatter", "knowledge", "absent", "self", "followup"}


def test_the_weights_were_fitted_to_the_data_that_is_here() -> None:
    """Else: python -m tests.secops.ranker."""
    assert ranker.ranker().digest == digest()


def test_a_refit_of_a_part_tells_its_own_sentences() -> None:
    from tests.secops.ranker.fitting import fit

    some = [one for one in read() if set(one.labels) <= {"who_is_on_call", "block_ip", "chatter"}]
    found = [ranker.features(heard(one)) for one in some]
    again = [fit(found, [one.labels for one in some], [1.0] * len(some), "part") for _ in range(2)]
    assert again[0] == again[1]
    taught = ranker.unpack(again[0])
    first = [next(iter(taught.scores(pieces))) for pieces in found]
    right = sum(best in one.labels for one, best in zip(some, first, strict=True))
    assert right >= 0.97 * len(some)


def test_every_label_is_a_tool_or_told_apart_from_them() -> None:
    labels = set(ranker.ranker().labels)
    assert labels >= READ_TOOLS - {"compute", "export_alerts", "export_case"}
    assert labels >= NO_TOOLS
    assert len(labels & ACTION_TOOLS) > 15


def test_a_sentence_is_ranked_in_less_than_a_millisecond() -> None:
    """Half of one on a quiet machine; the processor's time, so that others do not count."""
    sentences = [heard(one) for one in list(read())[:200]]
    for one in sentences:
        ranker.features(one)
    start = time.process_time()
    for one in sentences:
        ranker.ranker().scores(ranker.features(one))
    assert (time.process_time() - start) / len(sentences) < 0.001


def test_a_very_long_sentence_is_ranked() -> None:
    ranks = ranker.rank(heard(Labelled("", "告警" * 2000, ("list_alerts",))))
    assert sum(ranks.values()) == pytest.approx(1)


def test_what_people_are_told_to_say_is_certain() -> None:
    told = [one for one in read() if one.writer == OWN]
    assert len(told) > 50
    found = {one.text: understand(one.text, LEXICON, NOW, asker=ASKER) for one in told}
    read_as = {text: (each.intent or each.order) for text, each in found.items()}
    assert [one.text for one in told if getattr(read_as[one.text], "tool", "") not in one.labels] == []


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("王五这个月的告警列一下", "list_alerts"),
        ("告警 12", "get_alert"),
        ("请告知支付系统的责任人", "get_asset"),
        ("告警按级别统计", "alert_statistics"),
        ("有哪些代码仓库", "list_assets"),
        ("web-01 封了没", "list_blocks"),
        ("日报每天几点发", "list_schedules"),
    ],
)
def test_plain_questions_find_their_tools(said: str, tool: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent
    assert found.intent.tool == tool


@pytest.mark.parametrize("said", ["隔离 web-01 那个申请我同意", "web-01 隔离的申请我拒了 业务高峰"])
def test_a_decision_about_a_request_is_never_offered_as_the_action(said: str) -> None:
    assert not understand(said, LEXICON, NOW, asker=ASKER).offers


def test_what_is_asked_back_keeps_every_condition() -> None:
    """Each tap is a whole question, with what was read of this one."""
    found = understand("web-01 昨天高危那些咋样", LEXICON, NOW, asker=ASKER)
    if found.intent:  # sure enough to be answered
        assert found.intent.arguments["asset"] == "web-01"
        assert found.intent.arguments["severity"] == "high"
        return
    lines = [str(one) for one in found.suggestions]
    assert any("web-01" in one and "昨天" in one and "高危" in one for one in lines)


def test_a_name_that_is_not_read_again_is_no_tap() -> None:
    """A number is an alert's here, and none behind another word."""
    assert understand("编号 204", LEXICON, NOW, asker=ASKER)


@pytest.mark.parametrize("said", ["封禁 203.0.113.5", "关闭告警 12 误报", "隔离 web-01"])
def test_an_exact_line_is_not_the_rankers_to_say(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.llm.understanding.questions.rank", lambda _: {"nothing": 1.0})
    found = understand(said, LEXICON, NOW, asker="lisi")
    assert found.intent
    assert found.intent.tool in ACTION_TOOLS


def test_where_nothing_is_ordered_nothing_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "203.0.113.5 赶紧给它封咯"
    assert understand(said, LEXICON, NOW, asker="lisi").offers
    monkeypatch.setattr("secops_agent.llm.understanding.questions.rank", lambda _: {"nothing": 1.0})
    assert not understand(f"{said} ", LEXICON, NOW, asker="zhaoliu").offers
