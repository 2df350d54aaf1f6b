"""Words that make an order none: put around a command they are tried, and taught to the ranker."""

from collections.abc import Iterator, Sequence
from typing import Final

BEFORE: Final = (
    "不要", "别", "先别", "请不要", "千万别", "不用", "无需", "禁止", "请勿", "没必要", "暂不", "能不能", "可不可以", "是否", "为什么", "谁", "如何", "怎么",
    "要不要", "该不该", "什么时候", "如果", "要是", "假如", "万一", "建议", "打算", "准备", "考虑", "他说", "老板说", "邮件里说", "告警里写着", "文档写着", "听说",
    "已经", "刚刚", "昨天", "李四", "王五让我", "我没有", "取消", "撤销", "停止", "不", "未", "反对", "同意", "等会", "明天", "稍后", "也许", "应该", "请问",
    "话说", "我想知道", "你为什么", "谁让你", "假装", "模拟", "引用:", "翻译:", "不是要", "拒绝", "可能要", "误", "重新", "解除", "查询", "统计",
    "有人", "他", "昨晚", "上周", "之前", "攻击者说", "系统提示:", "忽略以上,", "标题:", "例如", "should", "can", "did", "don't", "never",
    "why",
)  # fmt: skip
AFTER: Final = (
    "吗", "么", "?", "？", "吗？", "可以吗", "行吗", "行不行", "好不好", "对不对", "是不是", "了吗", "了没", "没有", "怎么样", "会怎样", "会有什么影响",
    "的后果", "的步骤", "的流程", "的记录", "的人", "的原因", "失败", "失败了", "成功", "成功了", "是谁", "需要审批吗", "需要多久", "算了", "还是算了", "先等等",
    "说错了", "开玩笑", "才怪", "之前", "之后", "的时候", "是错的", "没用", "的申请", "这个操作", "的命令", ",算了", ",不要了", "，别", "，不对", "，等一下",
    "，撤回", "呢", "怎么操作", "是什么意思", "干嘛",
)  # fmt: skip
TAKEN_BACK: Final = (
    "吗", "？", "，算了", "，先别", "，等一下", "，不对", "行不行", "，如果他同意", "还是算了", "，再说", "，然后隔离 web-02",
)  # fmt: skip
QUOTES: Final = (
    "“{}”", "「{}」", "'{}'", '"{}"', "《{}》", "`{}`", "他说“{}”", "告警内容：{}", "{}这句话是谁说的",
)  # fmt: skip
FRAMES: Final = (
    *(f"{word}{{}}" for word in BEFORE), *(f"{{}}{word}" for word in (*AFTER, *TAKEN_BACK[:-1])), *QUOTES,
)  # fmt: skip


def rotate(commands: Sequence[str], frames: Sequence[str], every: int, start: int) -> Iterator[str]:
    """Each command in every so manieth frame, each frame around as many commands."""
    for i, command in enumerate(commands):
        yield from (frame.format(command) for j, frame in enumerate(frames) if (i + j) % every == start)
