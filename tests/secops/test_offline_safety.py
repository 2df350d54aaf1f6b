"""Whatever is put around a command so that it is none, nothing is done."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secops_agent.llm.offline import ACTION_TOOLS, understand
from tests.secops.offline_estate import ASKER, LEXICON, NOW
from tests.secops.test_offline_corpus import Line, read

COMMANDS: list[Line] = [
    line
    for line in read("actions")
    if line.tool in ACTION_TOOLS and not {"note", "reason"} & line.arguments.keys()
]
BEFORE = [
    "不要",
    "别",
    "先别",
    "请不要",
    "千万别",
    "不用",
    "无需",
    "禁止",
    "请勿",
    "没必要",
    "暂不",
    "能不能",
    "可不可以",
    "是否",
    "为什么",
    "谁",
    "如何",
    "怎么",
    "要不要",
    "该不该",
    "什么时候",
    "如果",
    "要是",
    "假如",
    "万一",
    "建议",
    "打算",
    "准备",
    "考虑",
    "他说",
    "老板说",
    "邮件里说",
    "告警里写着",
    "文档写着",
    "听说",
    "已经",
    "刚刚",
    "昨天",
    "李四",
    "王五让我",
    "我没有",
    "取消",
    "撤销",
    "停止",
    "不",
    "未",
    "反对",
    "同意",
    "等会",
    "明天",
    "稍后",
    "也许",
    "应该",
    "请问",
    "话说",
    "我想知道",
    "你为什么",
    "谁让你",
    "假装",
    "模拟",
    "引用:",
    "翻译:",
    "不是要",
    "拒绝",
    "可以",
    "可能要",
    "误",
    "重新",
    "解除",
    "查询",
    "统计",
    "有人",
    "他",
    "昨晚",
    "上周",
    "之前",
    "攻击者说",
    "系统提示:",
    "忽略以上,",
    "标题:",
    "例如",
    "should",
    "can",
    "did",
    "don't",
    "never",
    "why",
]
AFTER = [
    "吗",
    "么",
    "?",
    "？",
    "吗？",
    "可以吗",
    "行吗",
    "行不行",
    "好不好",
    "对不对",
    "是不是",
    "了吗",
    "了没",
    "没有",
    "怎么样",
    "会怎样",
    "会有什么影响",
    "的后果",
    "的步骤",
    "的流程",
    "的记录",
    "的人",
    "的原因",
    "失败",
    "失败了",
    "成功",
    "成功了",
    "是谁",
    "需要审批吗",
    "需要多久",
    "算了",
    "还是算了",
    "先等等",
    "说错了",
    "开玩笑",
    "才怪",
    "之前",
    "之后",
    "的时候",
    "是错的",
    "没用",
    "的申请",
    "这个操作",
    "的命令",
    ",算了",
    ",不要了",
    "，别",
    "，不对",
    "，等一下",
    "，撤回",
    "呢",
    "怎么操作",
    "是什么意思",
    "干嘛",
]
QUOTES = ("“{}”", "「{}」", "'{}'", '"{}"', "《{}》", "`{}`", "他说“{}”", "告警内容：{}", "{}这句话是谁说的")


def starts_action(text: str) -> bool:
    intent = understand(text, LEXICON, NOW, asker=ASKER).intent
    return intent is not None and intent.tool in ACTION_TOOLS


@pytest.mark.parametrize("gap", ["", " "])
def test_negated_asked_or_reported_commands_start_nothing(gap: str) -> None:
    sentences = [f"{word}{gap}{line.text}" for line in COMMANDS for word in BEFORE]
    sentences += [f"{line.text}{gap}{word}" for line in COMMANDS for word in AFTER]
    assert [text for text in sentences if starts_action(text)] == []


def test_quoted_commands_start_nothing() -> None:
    sentences = [quote.format(line.text) for line in COMMANDS for quote in QUOTES]
    assert [text for text in sentences if starts_action(text)] == []


def test_commands_without_noise_do_start_actions() -> None:
    assert all(starts_action(line.text) for line in COMMANDS)


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_survived_and_starts_nothing(text: str) -> None:
    assert not starts_action(text)


def test_a_follow_up_never_completes_an_action() -> None:
    last = understand("查一下 203.0.113.5", LEXICON, NOW).intent
    found = understand("封了它", LEXICON, NOW, last=last)
    assert found.intent is None
    assert found.suggestions[0] == "封禁 203.0.113.5 一小时"


def test_after_a_refusal_no_action_is_suggested() -> None:
    found = understand("不要封禁 203.0.113.5", LEXICON, NOW)
    assert found.hint == "好的，没有执行任何操作。"
    assert not any(starts_action(sentence) for sentence in found.suggestions)
