"""确认 CODE, 同意 CODE, 拒绝 CODE 理由, 停止, 新对话: whole messages in fixed forms, before any turn.

Without a code they are about what waits for the sender: 确认 and 取消 do it for the only proposal of their own.
"""

import re

from .intents import Control, ControlAction

_CODE = r"(?P<code>(?=[A-Z0-9-]{4,12}(?![A-Z0-9-]))[A-Z0-9]+(?:-[A-Z0-9]+)?)"
_SAID = r"(?:[\s,，:：;。.!]+(?P<reason>.*))?"
_VERBS: tuple[tuple[ControlAction, str], ...] = (
    ("confirm", r"确认(?:执行)?|confirm"),
    ("approve", r"同意|批准|approve"),
    ("accept", r"接受换班"),
    ("decline", r"不换|谢绝换班"),
    ("reject", r"拒绝|驳回|不同意|否决|reject|deny"),
)
_STOP_WORD = r"停止(?:回答|生成|执行)?|停下来?|停一下|停|别说了|不用说了|打住|stop|cancel|中断|终止"
_STOP = re.compile(rf"(?:请|麻烦)?(?:{_STOP_WORD})[.。!！\s]*", re.IGNORECASE)
_PATTERNS = tuple(
    (action, re.compile(rf"我?(?:{verb})\s*[:：#]?\s*[「“\"]?{_CODE}[」”\"]?{_SAID}", re.IGNORECASE))
    for action, verb in _VERBS
)
_BARE: tuple[tuple[ControlAction, str], ...] = (
    (
        "forget",
        r"/?(?:新(?:的)?(?:对话|会话|话题|聊天)|开(?:个|始)?新(?:的)?(?:对话|会话|话题)|重新开始|(?:清空|清除)(?:对话|会话|聊天|上下文|记忆|历史)|忘(?:掉|了)(?:之前|前面|上面)的?|new (?:chat|conversation)|reset)",
    ),
    ("confirm", r"(?:我|请)?(?:确认(?:执行)?|confirm)"),
    ("approve", r"我?(?:同意|批准|approve)(?:执行|了)?"),
    ("reject", r"我?(?:取消(?:吧|它|操作)?|撤回|撤销|拒绝|驳回|否决|reject|deny)"),
)
_WITHOUT_CODE = tuple((action, re.compile(rf"{said}[.。!！\s]*", re.IGNORECASE)) for action, said in _BARE)
# A12 names an alert: no code is an A and digits.
_ALERT = re.compile(r"A\d+", re.IGNORECASE)
_LABEL = re.compile(r"^(?:理由|原因|因为)\s*(?:是|为)?\s*[:：]?\s*")


def find_control(text: str) -> Control | None:
    """The control word that the whole normalised text is; codes come back in upper case.

    A confirmation with more text after its code is not one; only a rejection takes a reason.
    """
    if _STOP.fullmatch(text):
        return Control("stop")
    for action, pattern in _WITHOUT_CODE:
        if pattern.fullmatch(text):
            return Control(action)
    for action, pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        reason = (match["reason"] or "").strip() if match else ""
        if match and (action == "reject" or not reason) and not _ALERT.fullmatch(match["code"]):
            return Control(action, match["code"].upper(), _LABEL.sub("", reason))
    return None
