"""Outcomes: whether what an alert tells of got through, by what its source did about it, else by its own words."""

import re
from typing import Final

from secops_agent.models.choices import Outcome

_WORST: Final = (Outcome.SUCCEEDED, Outcome.PASSED, "", Outcome.ATTEMPTED, Outcome.BLOCKED)  # "": not known
_PASSED: Final = re.compile(
    r"未(?:能|被)?(?:拦截|阻断|阻止|处置)|没有?(?:拦住|拦截)|放行|\bnot[ _]?(?:blocked|denied|prevented)\b"
    r"|\b(?:allow|accept|permit|pass)(?:ed|s)?\b",
    re.IGNORECASE,
)
_BLOCKED: Final = re.compile(
    r"拦截|阻断|阻止|拒绝|已隔离|已清除|\b(?:den(?:y|ied)|block(?:ed)?|drop(?:ped)?|reject(?:ed)?|prevent(?:ed)?|quarantined?)\b",
    re.IGNORECASE,
)
_SUCCEEDED: Final = re.compile(r"成功|得手|失陷|\b(?:succe(?:ss|eded|ssful)|compromised)\b", re.IGNORECASE)
_ATTEMPTED: Final = re.compile(
    r"尝试|试图|企图|扫描|探测|失败|暴力破解|\b(?:attempt(?:s|ed)?|scan(?:s|ning)?|probes?|fail(?:ed|ure)|brute.?force)\b",
    re.IGNORECASE,
)
_HARM: Final = re.compile(
    r"加密文件|勒索|外传|外泄|回连|后门|反弹|webshell|\b(?:exfiltrat\w*|ransomware|beacon\w*|backdoor)\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"[“「『\"'][^”」』\"']*[”」』\"']")  # what an attacker may have chosen


def outcome_of(title: str, action: str = "") -> str:
    """``action``: what the source says that was done, in its own word. What the title quotes says nothing."""
    words = _QUOTED.sub("", title)
    done = bool(_SUCCEEDED.search(words))
    if action and (_PASSED.search(action) or action.lower() in ("false", "0")):
        return Outcome.SUCCEEDED if done else Outcome.PASSED
    if action and (_BLOCKED.search(action) or action.lower() == "true"):
        return Outcome.BLOCKED
    if _PASSED.search(words):
        return Outcome.SUCCEEDED if done else Outcome.PASSED
    if _BLOCKED.search(words):
        return Outcome.BLOCKED
    if done or (_HARM.search(words) and not _ATTEMPTED.search(words)):
        return Outcome.SUCCEEDED
    return Outcome.ATTEMPTED if _ATTEMPTED.search(words) else ""


def outcome_told(rule: str, title: str, action: str = "") -> str:
    """By the source's action and the rule's words, else by the title. An attacker's words may stand there: it never
    tells that something was blocked."""
    if found := outcome_of(rule, action):
        return found
    of_title = outcome_of(title)
    return Outcome.ATTEMPTED if of_title == Outcome.BLOCKED else of_title


def worst(one: str, other: str) -> str:
    """Of two occurrences."""
    return min(one, other, key=_WORST.index)


def course(way: str, outcome: str) -> str:
    """203.0.113.9 → 10.0.0.5，已拦截; "" where neither is known."""
    got_through = Outcome(outcome).label if outcome in (Outcome.BLOCKED, Outcome.PASSED) else ""
    return "，".join(filter(None, (way, got_through)))
