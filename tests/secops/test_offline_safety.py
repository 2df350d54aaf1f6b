"""Whatever is put around a command so that it is none, nothing is done."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secops_agent.llm.offline import ACTION_TOOLS
from secops_agent.llm.understanding.reading import LONGEST
from tests.secops.doubts import AFTER, BEFORE, QUOTES, TAKEN_BACK
from tests.secops.offline_corpus import Line, read
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

pytestmark = pytest.mark.slow

COMMANDS: list[Line] = [
    line
    for line in read("actions")
    if line.tool in ACTION_TOOLS and not {"note", "reason"} & line.arguments.keys()
][::3]  # neighbours in the file are alike
# Hypothesis knows the strings of the code under test and can put a whole command together from them.
VERB = re.compile(
    r"[封黑屏阻拦禁离断拔关闭结归标判定认领接跟指派分转交丢扔甩推塞让叫每删取停退去]|[a-z]", re.IGNORECASE
)
# All pairs took 45 s under coverage; a rotation misses little.
EVERY = 32
REASONED: list[Line] = [line for line in read("actions") if {"note", "reason"} & line.arguments.keys()][::3]


BLOCKING = [
    "封禁",
    "封掉",
    "封锁",
    "封堵",
    "封停",
    "封杀",
    "封死",
    "拉黑",
    "加黑",
    "加入黑名单",
    "丢进黑名单",
    "屏蔽",
    "阻断",
    "拦截",
    "禁掉",
    "ban掉",
    "ban",
    "block",
    "封",
    "永久封禁",
]
ISOLATING = ["隔离", "网络隔离", "断网", "断开网络", "拔网线", "isolate"]
CLOSING = ["关闭", "关掉", "关单", "结单", "结案", "办结", "归档", "close"]
DONE = {
    ("203.0.113.5 {}了", "203.0.113.5 一直在扫，{}了", "{}了 203.0.113.5", "203.0.113.5 一直在扫，{}了一小时", "{}的 203.0.113.5", "203.0.113.5 没{}"): BLOCKING,
    ("web-01 {}了", "web-01 中毒了，{}了", "web-01 中毒了{}了", "{}了 web-01", "web-01 被{}了", "web-01 没{}"): ISOLATING,
    ("告警 12 {}了", "告警 12 误报，{}了", "告警 12 是误报，{}了", "{}了告警 12，误报", "告警 12 {}了，误报", "告警 12 没{}"): CLOSING,
}  # fmt: skip


@cache
def starts_action(text: str) -> bool:
    intent = understand(text, LEXICON, NOW, asker=ASKER).intent
    return intent is not None and intent.tool in ACTION_TOOLS - UNDOING


UNDOING = {"unblock_ip", "release_host"}  # 解除 and 封禁 203.0.113.5 are an order together


def is_offered(text: str) -> bool:
    offers = understand(text, LEXICON, NOW, asker=ASKER).offers
    return any(one.tool not in UNDOING for one in offers)


def rotate(words: Sequence[str], start: int, every: int) -> Iterator[tuple[Line, str]]:
    """Pairs of a command and a word: each word meets every ``every``th command, each command as many words."""
    for i, line in enumerate(COMMANDS):
        yield from ((line, word) for j, word in enumerate(words) if (i + j) % every == start)


def test_negated_asked_or_reported_commands_start_nothing() -> None:
    gaps = ("", " ")
    sentences = [f"{word}{gaps[i % 2]}{line.text}" for i, (line, word) in enumerate(rotate(BEFORE, 0, EVERY))]
    sentences += [f"{line.text}{gaps[i % 2]}{word}" for i, (line, word) in enumerate(rotate(AFTER, 0, EVERY))]
    assert [text for text in sentences if starts_action(text)] == []
    assert len([text for text in sentences if is_offered(text)]) <= 0.02 * len(sentences)


def test_quoted_commands_start_nothing() -> None:
    sentences = [quote.format(line.text) for line, quote in rotate(QUOTES, 0, 4)]
    assert [text for text in sentences if starts_action(text)] == []
    assert len([text for text in sentences if is_offered(text)]) <= 0.02 * len(sentences)


def test_a_reason_that_takes_the_command_back_starts_nothing() -> None:
    sentences = [line.text + words for line in REASONED for words in TAKEN_BACK]
    assert [text for text in sentences if starts_action(text)] == []
    sentences = [text for text in sentences if not text.endswith("web-02")]  # two orders: one offer
    assert len([text for text in sentences if is_offered(text)]) <= 0.02 * len(sentences)


@pytest.mark.parametrize(("frames", "verbs"), DONE.items())
def test_what_has_been_done_starts_nothing(frames: tuple[str, ...], verbs: list[str]) -> None:
    assert [text for verb in verbs for frame in frames if starts_action(text := frame.format(verb))] == []


@pytest.mark.parametrize(
    "said",
    [
        "别发日报",
        "没发日报",
        "不用推送未处理的高危告警",
        "不发日报",
        "发不发日报",
        "是否推送昨天的日报",
        "能不能推送未处理的高危告警",
        "为什么发日报",
        "谁发日报",
        "发了日报",
        "如果有就发日报",
        "他说发日报",
    ],
)
def test_a_doubted_recurring_sentence_creates_no_schedule(said: str) -> None:
    assert starts_action("每天早上9点发日报")
    assert not starts_action(f"每天早上9点{said}")
    assert not starts_action(f"新建定时任务 每天早上9点{said}")


@pytest.mark.parametrize(
    "said",
    [
        "请麻烦您尽快协助" * 20 + "关闭告警 12 的人",
        "封禁 203.0.113.5" + "，谢谢您了" * 40 + "吗",
        "web-01 " + "中招了" * 60 + "，嗯",
        "请将告警 12 " + "立即予以" * 40 + "由王五处理啊吗",
        "告警 12 " + "业务方" * 60 + "误报，关闭吗",
        "告警 12 " + "真的确实" * 50 + "误报，关闭吗",
        "告警 12 请李四" + "速速" * 80 + "处理吗",
        "关闭告警 12，备注：好，" + "关掉" * 100 + "吗",
        "告警 12 转李四，" + "老是总是" * 50 + "吵吗",
        "每天9点" + "推送" * 100 + "日报吗",
    ],
)
def test_words_said_over_and_over_are_refused_at_all(said: str) -> None:
    """Two readings of one of these words would mean 2^20 of the sentence, which nobody could wait for."""
    assert not starts_action(said)


def test_every_command_meets_several_doubts_and_every_doubt_several_commands() -> None:
    pairs = [*rotate(BEFORE, 0, EVERY), *rotate(AFTER, 0, EVERY)]
    commands, words = Counter(line.text for line, _ in pairs), Counter(word for _, word in pairs)
    assert min(commands[line.text] for line in COMMANDS) > 2
    assert min(words[word] for word in (*BEFORE, *AFTER)) > 2


def test_commands_without_noise_do_start_actions_or_offers() -> None:
    found = [understand(line.text, LEXICON, NOW, asker=ASKER) for line in COMMANDS]
    assert sum(starts_action(line.text) for line in COMMANDS) >= 0.24 * len(
        COMMANDS
    )  # exact lines; a task is offered
    assert sum(bool(one.intent or one.offers or one.question) for one in found) >= 0.97 * len(COMMANDS)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(COMMANDS),
    st.sampled_from(BEFORE),
    st.text(alphabet="的了在是有人我他这那个啊呢吧,，。 0123abc", max_size=6),
    st.sampled_from(AFTER),
)
def test_random_noise_around_a_doubted_command_starts_nothing(
    line: Line, before: str, noise: str, after: str
) -> None:
    assert not starts_action(f"{before}{noise}{line.text}{after}")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_survived_and_without_a_verb_starts_nothing(text: str) -> None:
    assert not starts_action(text) or VERB.search(text)


def test_a_reference_is_offered_and_never_done() -> None:
    last = understand("查一下 203.0.113.5", LEXICON, NOW).intent
    found = understand("封了它", LEXICON, NOW, last=last)
    assert found.intent is None
    assert [(one.tool, one.arguments["ip"]) for one in found.offers] == [("block_ip", "203.0.113.5")]


def test_after_a_refusal_no_action_is_suggested() -> None:
    found = understand("不要封禁 203.0.113.5", LEXICON, NOW)
    assert found.hint.startswith("好的，没有执行任何操作。")
    assert not any(starts_action(str(line)) for line in found.suggestions)


@pytest.mark.parametrize("verb", ["封", "关了", "A1关了", "派给李四", "别封"])
def test_more_verbs_than_people_say_order_nothing(verb: str) -> None:
    """Each cost as much as all before it: one line kept everybody waiting for seven seconds."""
    found = understand((verb * LONGEST)[:LONGEST])
    assert not found.offers
    assert found.intent is None or found.intent.tool not in ACTION_TOOLS
