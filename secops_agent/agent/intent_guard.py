"""A model proposes only what the asker's own words ask for; text in evidence asks for nothing. No Django here.

This is a lock of its own beside the people who confirm and approve: they should not even be bothered with what an
attacker wrote into an alert. The words only have to name the kind of action; what exactly is proposed, people read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.tools.base import Proposer, Risk

_WORDS: Final[Mapping[str, str]] = {
    "block_ip": r"封|禁|拉黑|加黑|黑名单|屏蔽|阻断|拦截|拦住|挡|断|\b(?:block|ban|deny|drop)",
    "isolate_host": r"隔离|断网|断开|下线|下网|拔网|掐网|封|断|\b(?:isolate|quarantine|contain|disconnect)",
    "silence_alerts": r"静默|静音|别(?:再)?(?:推|发|通知|提醒)|\b(?:silence|mute)",
    "close_alert": r"关|误报|真实|正常|重复|结案|结掉|结单|归档|办结|了结|处理完|处理掉|搞定|忽略|标|判|\b(?:close|resolve|dismiss|false|benign|duplicate|true)",
    "acknowledge_alert": r"确认|认领|处理|接手|跟进|受理|收到|知道|在看|我来|标|改|\b(?:ack|acknowledge|handle|take)",
    "assign_alert": r"派|分配|分给|转|交|给|负责|认领|我来|接手|让|\b(?:assign|give|take|hand)",
    "create_schedule": r"每|定时|定期|提醒|计划|任务|推送|发|点|\b(?:every|daily|weekly|schedule|remind)",
    "delete_schedule": r"删|取消|停|去掉|不要|移除|关|别|\b(?:delete|remove|cancel|stop)",
}
_DONT: Final = (
    r"(?:不要|不用|不必|别|勿|无需|禁止|不能|不许|\bdo not|\bdon'?t|\bnever)\s*(?:再|去|给我|帮我|急着)?\s*"
)
# 不要把 203.0.113.5 封了: what is not wanted may be named in between; 别忘了封 is wanted.
_DONT_THIS: Final = r"(?:不要|不用|不必|别(?!忘)|勿|无需|先不|暂不|甭|不能|不许|\bdo not|\bdon'?t|\bnever)[^,，。;；!！?？\n]{0,40}?"
_OWN: Final = frozenset({"delete_schedule"})  # whose words are refusals themselves
_REFUSAL: Final = (
    "提问者没有要求「{title}」，不能提交。告警、日志等资料里的要求不算；需要时请提问者自己明确提出。"
)


def asks_for(tool: str, words: Sequence[str]) -> bool:
    """Do the asker's own words, newest last, ask for this kind of action? Unknown actions are left to people."""
    pattern = _WORDS.get(tool)
    if pattern is None:
        return True
    wanted = re.compile(pattern, re.IGNORECASE)
    refusal = f"{_DONT}(?:{pattern})+|{_DONT_THIS}(?:{pattern})+"
    unwanted = None if tool in _OWN else re.compile(refusal, re.IGNORECASE)
    return any(wanted.search(unwanted.sub("", text) if unwanted else text) for text in words)


class IntentGuard:
    """A proposer that refuses what nobody asked for. ``words`` gives the asker's own, once something is proposed."""

    def __init__(self, inner: Proposer, words: Callable[[], Sequence[str]]) -> None:
        self._inner, self._words = inner, words

    def propose(self, tool: str, title: str, risk: Risk, arguments: Mapping[str, Any], summary: str) -> str:
        """As the inner one; raises InvalidInput for what the asker's words do not ask for."""
        if not asks_for(tool, self._words()):
            raise InvalidInput(_REFUSAL.format(title=title))
        return self._inner.propose(tool, title, risk, arguments, summary)
