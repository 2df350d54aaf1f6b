"""The verbs of the chat: the words with which a short order or question to the robot begins, each in this place only.

`secops_agent.says` makes whole sentences of them, `bifang.channels.text.outgoing` the links that send one at a tap.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Verb(StrEnum):
    """One word for one act. Several acts may share a word (确认 A12, 确认 F9KDQD): what follows tells them apart."""

    # what waits for a decision
    CONFIRM = "确认"
    APPROVE = "同意"
    REJECT = "拒绝"
    WITHDRAW = "取消"
    WITHDRAW_FILES = "全部取消"
    PENDING = "待审批"
    SUBMIT = "提交"
    # an alert
    SHOW = "查看"
    ACKNOWLEDGE = CONFIRM
    TAKE = "指派给我"
    ASSIGN = "指派"
    CLOSE = "关闭"
    FALSE_POSITIVE = "误报"
    TRUE_POSITIVE = "真实攻击"
    BENIGN = "正常业务"
    DUPLICATE = "重复"
    SILENCE = "静默"
    REOPEN = "重新打开"
    UNDO = "撤销"
    SEVERITY = "改级别"
    HAND_BACK = "取消指派"
    END_SILENCE = "取消静默"
    HANDLE = "处置"
    INVESTIGATE = "调查"
    # what is outside
    BLOCK = "封禁"
    ISOLATE = "隔离"
    UNBLOCK = "解封"
    RELEASE = "解除隔离"
    MISTAKEN = "误封"
    # what is known
    AFFECTED = "影响"
    LOOK_UP = "查一下"
    LOOK_AGAIN = "再查查"
    ASSET = "资产"
    OWNER = "改负责人"
    CASE = "事件"
    ALERTS = "告警"
    # tasks and shifts
    NEW_TASK = "新建定时任务"
    DELETE_TASK = "删除定时任务"
    WATCH = "盯着"
    END_WATCH = "取消盯着"
    SEND = "转告"
    COVER = "临时换人"
    ACCEPT_SWAP = "接受换班"
    DECLINE_SWAP = "不换"
    # the talk itself
    MORE = "更多"
    HELP = "帮助"
    STOP = "停止"
    FORGET = "新对话"


# What a tap may say in the reader's name, and what must follow its code. Never a decision about what somebody else
# asked for, and nothing that takes free text.
_ALONE: Final = (
    Verb.CONFIRM, Verb.SUBMIT, Verb.PENDING, Verb.SHOW, Verb.TAKE, Verb.FALSE_POSITIVE, Verb.TRUE_POSITIVE, Verb.BENIGN, Verb.DUPLICATE,
    Verb.UNDO, Verb.HANDLE, Verb.INVESTIGATE, Verb.AFFECTED, Verb.DELETE_TASK, Verb.ACCEPT_SWAP, Verb.DECLINE_SWAP, Verb.MORE,
)  # fmt: skip
TAPPED: Final[Mapping[str, str]] = {**dict.fromkeys(map(str, _ALONE), ""), str(Verb.SILENCE): "1小时"}
