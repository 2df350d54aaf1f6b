"""确认 CODE, 同意 CODE, 拒绝 CODE 理由, 取消 CODE, 全部取消, 停止, 新对话: whole messages in fixed forms, before any turn.

Without a code they are about what waits for the sender: 确认 and 取消 do it for the only proposal of their own.
"""

import re

from .intents import Control, ControlAction
from .words import pattern

_CODE = r"(?P<code>(?=[A-Z0-9-]{4,12}(?![A-Z0-9-]))[A-Z0-9]+(?:-[A-Z0-9]+)?)"
_OWN_CODE = r"(?P<code>(?=[A-Z]*\d)[A-Z][A-Z0-9]{5})"  # nothing else that one may 取消 looks like it
_SAID = r"(?:[\s,，:：;。.!]+(?P<reason>.*))?"
_VERBS: tuple[tuple[ControlAction, str, str], ...] = (
    ("confirm", r"确认(?:执行)?|confirm", _CODE),
    ("approve", r"同意|批准|approve", _CODE),
    ("accept", r"接受换班", _CODE),
    ("decline", r"不换|谢绝换班", _CODE),
    ("reject", r"拒绝|驳回|不同意|否决|reject|deny", _CODE),
    ("withdraw", r"取消|撤回|撤销", _OWN_CODE),
)
_STOP_WORD = r"停止(?:回答|生成|执行)?|停下来?|停一下|停|别说了|不用说了|打住|stop|cancel|中断|终止"
_STOP = re.compile(rf"(?:请|麻烦)?(?:{_STOP_WORD})[.。!！\s]*", re.IGNORECASE)
_PATTERNS = tuple(
    (action, re.compile(rf"我?(?:{verb})\s*[:：#]?\s*[「“\"]?{code}[」”\"]?{_SAID}", re.IGNORECASE))
    for action, verb, code in _VERBS
)
_BARE: tuple[ControlAction, ...] = (
    "forget",
    "withdraw_files",
    "confirm",
    "approve",
    "reject",
)  # `[bare]` of `words/talk.toml`
# A12 names an alert: no code is an A and digits.
_ALERT = re.compile(r"A\d+", re.IGNORECASE)
_LABEL = re.compile(r"^(?:理由|原因|因为)\s*(?:是|为)?\s*[:：]?\s*")


def find_control(text: str) -> Control | None:
    """The control word that the whole normalised text is; codes come back in upper case.

    A confirmation with more text after its code is not one; only a rejection takes a reason.
    """
    if _STOP.fullmatch(text):
        return Control("stop")
    bare = next(
        (action for action in _BARE if pattern(f"talk.bare.{action}").fullmatch(text.rstrip(" .。!！"))), None
    )
    if bare:
        return Control(bare)
    for action, form in _PATTERNS:
        match = form.fullmatch(text)
        reason = (match["reason"] or "").strip() if match else ""
        if match and (action == "reject" or not reason) and not _ALERT.fullmatch(match["code"]):
            return Control(action, match["code"].upper(), _LABEL.sub("", reason))
    return None
