"""The sentences that people are told to send: one function each, so that each is spelled once and is understood.

No text of the product spells a command by itself (`tests/architecture/test_sentences.py`), and every sentence made
here is sent back in the tests. A target is only what somebody named, or a placeholder that is plainly one: `IP`, `HOST`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bifang.channels.ports import Suggestion
from bifang.channels.text.verbs import Verb

# Where nothing was named. They are understood as what they are: whoever sends one is asked for the real thing.
IP: Final = "<IP>"
HOST: Final = "<主机名>"
NUMBER: Final = "<编号>"
CODE: Final = "<代码>"
CVE: Final = "<CVE编号>"
PERSON: Final = "<人员>"
NAME: Final = "<名称>"
REASON: Final = "<理由>"
PLACEHOLDERS: Final = (IP, HOST, NUMBER, CODE, CVE, PERSON, NAME, REASON)

VERDICTS: Final[Mapping[str, Verb]] = {
    "false_positive": Verb.FALSE_POSITIVE, "true_positive": Verb.TRUE_POSITIVE, "benign": Verb.BENIGN,
    "duplicate": Verb.DUPLICATE,
}  # fmt: skip
LEVELS: Final = {"critical": "严重", "high": "高危", "medium": "中危", "low": "低危", "info": "信息"}
DECISIONS: Final = {
    "in_progress": "标修复中", "accepted": "接受风险", "false_positive": "标误报", "under_investigation": "标调查中", "not_affected": "不受影响",
    "affected": "标确认受影响", "fixed": "标已修复", "withdraw": "撤回决定",
}  # fmt: skip
PARTS: Final = {"day": "白班", "night": "夜班"}
STATUSES: Final = {"new": "新建", "working": "处理中", "contained": "已控制"}
_ASKED: Final = re.compile(
    r"(?:[，,]?\s*(?:行吗|可以吗|好吗|行不行|可不可以|吗))?\s*[?？]+\s*$|[，,]?\s*(?:行吗|可以吗|好吗|行不行|可不可以)\s*$"
)
_UNITS: Final = ((1440, "天"), (60, "小时"), (1, "分钟"))

MORE: Final = Suggestion(Verb.MORE)
HELP: Final = Suggestion(Verb.HELP)
PENDING: Final = Suggestion(Verb.PENDING)
UNDO_LAST: Final = Suggestion(Verb.UNDO, rest="刚才的")
STOP: Final = Suggestion(Verb.STOP)
FORGET: Final = Suggestion(Verb.FORGET)
WITHDRAW_FILES: Final = Suggestion(Verb.WITHDRAW_FILES)
ALERTS: Final = Suggestion(Verb.ALERTS)
HIGH_ALERTS: Final = Suggestion("", rest="最近24小时有哪些高危告警")
STATISTICS: Final = Suggestion("", rest="统计本周告警")
ASSETS: Final = Suggestion("", rest="列出资产")
COMPARED: Final = Suggestion("", rest="今天告警比昨天多吗")
DAILY: Final = Suggestion("", rest="今天的日报")
STATUS: Final = Suggestion("", rest="状态")
BLOCKS: Final = Suggestion("", rest="现在封禁了哪些")
CASES: Final = Suggestion("", rest="事件列表")
TASKS: Final = Suggestion("", rest="有哪些定时任务")
ON_CALL: Final = Suggestion("", rest="今天谁值班")
FINDINGS: Final = Suggestion("", rest="有哪些泄露的密钥和错误配置")
NOISY_RULES: Final = Suggestion("", rest="噪声规则")
NOISY_RULES_MONTHLY: Final = Suggestion("", rest="每月1号9点 噪声规则")
DAILY_EVERY_DAY: Final = Suggestion("", rest="每天早上9点发日报")
SWAPS: Final = (Suggestion("", rest="我和<人员>换周三"), Suggestion("", rest="和<人员>换班 11月28日"))


def plainly(sentence: str) -> Suggestion:
    """What was asked, with every condition that was read, in plain words; it has been read so again."""
    return Suggestion("", rest=sentence)


def code(alert_id: int | str) -> str:
    """A12, A<编号>; what is no number stays what it is."""
    return f"A{alert_id}" if str(alert_id).isdecimal() or alert_id == NUMBER else str(alert_id)


def minutes(length: int) -> str:
    """120 → 2小时; 0 is for ever."""
    return next((f"{length // size}{unit}" for size, unit in _UNITS if length and length % size == 0), "永久")


def slash(usage: str) -> Suggestion:
    """A usage of the table of slash commands (`secops_agent.llm.offline.commands`)."""
    return Suggestion("", rest=usage)


# Decisions


def confirm(proposal: str) -> Suggestion:
    """The asker's own yes."""
    return Suggestion(Verb.CONFIRM, proposal)


def approve(proposal: str) -> Suggestion:
    """Another person's yes."""
    return Suggestion(Verb.APPROVE, proposal)


def reject(proposal: str, reason: str = "") -> Suggestion:
    """No; ``reason`` may be the placeholder word."""
    return Suggestion(Verb.REJECT, proposal, reason)


def submit(offer: str) -> Suggestion:
    """Take what was offered."""
    return Suggestion(Verb.SUBMIT, offer)


def withdraw(proposal: str = "") -> Suggestion:
    """Of one's own; without a code the only one that waits here."""
    return Suggestion(Verb.WITHDRAW, proposal)


def accept_swap(swap: str) -> Suggestion:
    """Of a shift."""
    return Suggestion(Verb.ACCEPT_SWAP, swap)


def decline_swap(swap: str) -> Suggestion:
    """Of a shift, or one's own request taken back."""
    return Suggestion(Verb.DECLINE_SWAP, swap)


def swap(person: str, days: str) -> Suggestion:
    """Asks them; ``days`` as people write them, with 和 between."""
    return Suggestion("", rest=f"我和{person}换{days}")


def cover(person: str, days: str, relieved: str = "", part: str = "") -> Suggestion:
    """Who is on call then, whoever's turn it is, or only in the place of who is ``relieved``; ``part``: a key of `PARTS`, or ""."""
    said = (person, f"替{relieved}" if relieved else "", f"{days}{PARTS.get(part, '')}")
    return Suggestion(Verb.COVER, rest=" ".join(filter(None, said)))


# An alert


def show(alert_id: int | str) -> Suggestion:
    """All that is known of it."""
    return Suggestion(Verb.SHOW, code(alert_id))


def acknowledge(alert_id: int | str, note: str = "") -> Suggestion:
    """It is being worked on."""
    return Suggestion(Verb.ACKNOWLEDGE, code(alert_id), _labelled("备注", note))


def take(alert_id: int | str) -> Suggestion:
    """It is mine."""
    return Suggestion(Verb.TAKE, code(alert_id))


def assign(alert_id: int | str, person: str) -> Suggestion:
    """It is somebody's."""
    return Suggestion(Verb.ASSIGN, code(alert_id), person)


def close(alert_id: int | str, verdict: str, note: str = "") -> Suggestion:
    """Closed with a verdict (`VERDICTS`), by its own verb."""
    return Suggestion(VERDICTS[verdict], code(alert_id), _labelled("备注", note))


def closings(alert_id: int | str, note: str = "") -> tuple[Suggestion, ...]:
    """One for each verdict, where none was said."""
    return tuple(close(alert_id, verdict, note) for verdict in VERDICTS)


def close_all(alert_ids: Sequence[int], verdict: str) -> Suggestion:
    """Several: only offered, since an exact line does one thing."""
    return Suggestion("", rest=f"{'、'.join(map(code, alert_ids))} 都关闭 {VERDICTS[verdict]}")


def set_severity(alert_id: int | str, severity: str) -> Suggestion:
    """Another level (`LEVELS`)."""
    return Suggestion(Verb.SEVERITY, code(alert_id), LEVELS[severity])


def silence(scope: int | str, length: int = 60, reason: str = "") -> Suggestion:
    """An alert's id or code, an asset's name, …; ``length`` in minutes."""
    said = " ".join(filter(None, (minutes(length) if length else "", _labelled("原因", reason))))
    return Suggestion(Verb.SILENCE, code(scope), said)


def reopen(alert_id: int | str) -> Suggestion:
    """As it was before it was taken in hand or closed."""
    return Suggestion(Verb.REOPEN, code(alert_id))


def undo(alert_id: int | str) -> Suggestion:
    """What one did to it last is taken back."""
    return Suggestion(Verb.UNDO, code(alert_id))


def comment(alert_id: int | str, note: str) -> Suggestion:
    """A note in its history."""
    return Suggestion("", rest=f"{code(alert_id)} 备注：{note}")


def hand_back(alert_id: int | str) -> Suggestion:
    """Nobody's again."""
    return Suggestion(Verb.HAND_BACK, code(alert_id))


def end_silence(scope: int | str) -> Suggestion:
    """Messages about an alert, an asset, … come again."""
    return Suggestion(Verb.END_SILENCE, code(scope))


def handle(alert_id: int | str) -> Suggestion:
    """The runbook for it."""
    return Suggestion(Verb.HANDLE, code(alert_id))


def runbook(title: str, path: str = "", page: int = 1) -> Suggestion:
    """A page of it, or of a reference beside it."""
    return Suggestion(
        "", rest=" ".join(filter(None, ("手册", title, path, f"第{page}页" if page > 1 else "")))
    )


def investigate(alert_id: int | str) -> Suggestion:
    """What can be found out about it."""
    return Suggestion(Verb.INVESTIGATE, code(alert_id))


def ratings(alert_id: int | str) -> tuple[Suggestion, Suggestion]:
    """Its investigation helped, or it did not and why."""
    alert = code(alert_id)
    return Suggestion(Verb.INVESTIGATE, alert, "有用"), Suggestion(Verb.INVESTIGATE, alert, "没用 原因")


# What is outside: asked for by one person, approved by another


def block(address: str, length: int | None = None, reason: str = "") -> Suggestion:
    """``length`` in minutes, 0 for ever, None as is usual."""
    said = (address, minutes(length) if length is not None else "", _labelled("原因", reason))
    return Suggestion(Verb.BLOCK, rest=" ".join(filter(None, said)))


def isolate(asset: str, reason: str = "") -> Suggestion:
    """A host, from the network."""
    return Suggestion(Verb.ISOLATE, rest=" ".join(filter(None, (asset, _labelled("原因", reason)))))


def unblock(address: str, reason: str = "") -> Suggestion:
    """What `block` did, taken back."""
    return Suggestion(Verb.UNBLOCK, rest=" ".join(filter(None, (address, _labelled("原因", reason)))))


def mistaken(target: str, reason: str = "") -> Suggestion:
    """A block or an isolation that was wrong: ended at once, on record."""
    return Suggestion(Verb.MISTAKEN, rest=" ".join(filter(None, (target, _labelled("原因", reason)))))


def release(asset: str, reason: str = "") -> Suggestion:
    """What `isolate` did, taken back."""
    return Suggestion(Verb.RELEASE, rest=" ".join(filter(None, (asset, _labelled("原因", reason)))))


# What is known


def is_blocked(target: str) -> Suggestion:
    """Blocked, isolated, silenced?"""
    return Suggestion("", rest=f"{target} 封了吗")


def affected(flaw: str) -> Suggestion:
    """Which of our assets a CVE affects."""
    return Suggestion(Verb.AFFECTED, flaw)


def look_up(value: str) -> Suggestion:
    """An address, an asset, a domain, a CVE."""
    return Suggestion(Verb.LOOK_UP, rest=value)


def look_again(value: str) -> Suggestion:
    """The same, wherever it was seen."""
    return Suggestion(Verb.LOOK_AGAIN, rest=value)


def asset(name: str) -> Suggestion:
    """One asset, by name, address or number."""
    return Suggestion(Verb.ASSET, rest=name)


def alerts_of(asset_name: str) -> Suggestion:
    """Its alerts."""
    return Suggestion("", rest=f"{asset_name} 有哪些告警")


def recent_alerts_of(asset_name: str) -> Suggestion:
    """Those of the last day."""
    return Suggestion("", rest=f"{asset_name} 最近24小时的告警")


def set_owner(asset_name: str, person: str) -> Suggestion:
    """Who is responsible for it; 清空 for nobody."""
    return Suggestion(Verb.OWNER, rest=f"{asset_name} {person}")


def flaws_of(asset_name: str) -> Suggestion:
    """Its vulnerabilities."""
    return Suggestion("", rest=f"{asset_name} 有哪些漏洞")


def claim_finding(finding_id: int) -> Suggestion:
    """Whoever sends it works on it."""
    return Suggestion("", rest=f"F{finding_id} 指派给我")


def give_findings(codes: str, person: str, asset_name: str = "") -> Suggestion:
    """Who works on them; ``codes``: F12,F13, or a vulnerability, of one asset only if so wanted."""
    if re.fullmatch(r"F\d+(?:,F\d+)*", codes):
        return Suggestion("", rest=f"把发现 {codes} 交给 {person}")
    return Suggestion("", rest=f"{f'{asset_name} 上的 ' if asset_name else ''}{codes} 派给 {person}")


def decide_findings(codes: str, decision: str, asset_name: str = "", until: str = "") -> Suggestion:
    """What is decided about them; the reason is asked."""
    end = f"到 {until}" if until else ""
    return Suggestion(
        "", rest=f"{f'{asset_name} 上的 ' if asset_name else ''}{codes} {DECISIONS[decision]}{end}"
    )


# Cases


def progress(case_id: int | str) -> Suggestion:
    """How a case stands."""
    return Suggestion(Verb.CASE, rest=f"{case_id} 进展")


def hand_over(case_id: int | str, person: str) -> Suggestion:
    """Whose the case is."""
    return Suggestion("", rest=f"事件 {case_id} 交给 {person}")


def close_case(case_id: int | str, verdict: str, *, with_alerts: bool = False) -> Suggestion:
    """``verdict`` as it is shown; the alerts of the case too, or not."""
    return Suggestion(Verb.CLOSE, rest=f"事件 {case_id} {verdict}{' 连同告警' if with_alerts else ''}")


def reopen_case(case_id: int | str) -> Suggestion:
    """It was not over."""
    return Suggestion(Verb.REOPEN, rest=f"事件 {case_id}")


def set_case_status(case_id: int | str, status: str) -> Suggestion:
    """How it stands (`STATUSES`)."""
    return Suggestion("", rest=f"事件 {case_id} 改为{STATUSES[status]}")


def finish_task(case_id: int | str, task: int | str) -> Suggestion:
    """A task of a case, by its number."""
    return Suggestion("", rest=f"事件 {case_id} 完成任务 {task}")


def make_case(alert_id: int, other: int) -> Suggestion:
    """Two alerts as one case."""
    return Suggestion("", rest=f"把告警 {code(alert_id)} 和 {code(other)} 并成事件")


def join_case(alert_id: int, case_id: int) -> Suggestion:
    """An alert into a case."""
    return Suggestion("", rest=f"把告警 {code(alert_id)} 加入事件 {case_id}")


# People and tasks


def send(person: str, text: str) -> Suggestion:
    """``text`` to a colleague, or to 值班."""
    return Suggestion(Verb.SEND, rest=f"{person} {text}")


def watch(target: str, hours: int = 0) -> Suggestion:
    """Its new alerts are told for so long; 0 is as is usual."""
    return Suggestion(Verb.WATCH, rest=" ".join(filter(None, (target, minutes(hours * 60) if hours else ""))))


def end_watch(watch_id: int | str) -> Suggestion:
    """They are told no more."""
    return Suggestion(Verb.END_WATCH, str(watch_id))


def new_task(when: str, task: str) -> Suggestion:
    """``task`` runs as a question at these times."""
    return Suggestion(Verb.NEW_TASK, rest=f"{when}，{task}")


def delete_task(task_id: int | str) -> Suggestion:
    """It runs no more."""
    return Suggestion(Verb.DELETE_TASK, str(task_id))


def order(tool: str, said: Mapping[str, Any]) -> Suggestion:
    """The line that orders a tool with these arguments. KeyError for a tool that no line orders."""
    return _ORDERS[tool](said)


_ORDERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Suggestion]]] = {
    "acknowledge_alert": lambda said: acknowledge(said["alert_id"], said.get("note") or ""),
    "assign_alert": lambda said: assign(said["alert_id"], str(said["assignee"])),
    "close_alert": lambda said: close(said["alert_id"], said["verdict"], said.get("note") or ""),
    "unassign_alert": lambda said: hand_back(said["alert_id"]),
    "reopen_alert": lambda said: reopen(said["alert_id"]),
    "comment_alert": lambda said: comment(said["alert_id"], said["note"]),
    "end_silence": lambda said: end_silence(said["scope"]),
    "reopen_case": lambda said: reopen_case(said["case_id"]),
    "set_case_status": lambda said: set_case_status(said["case_id"], said["status"]),
    "assign_case": lambda said: hand_over(said["case_id"], said["assignee"]),
    "set_severity": lambda said: set_severity(said["alert_id"], said["severity"]),
    "silence_alerts": lambda said: silence(said["scope"], said.get("minutes", 0), said.get("reason") or ""),
    "block_ip": lambda said: block(said["ip"], said.get("duration_minutes"), said.get("reason") or ""),
    "isolate_host": lambda said: isolate(said["asset"], said.get("reason") or ""),
    "unblock_ip": lambda said: unblock(said["ip"], said.get("reason") or ""),
    "release_host": lambda said: release(said["asset"], said.get("reason") or ""),
    "mistaken_block": lambda said: mistaken(said["target"], said.get("reason") or ""),
    "close_case": lambda said: close_case(
        said["case_id"], VERDICTS[said["verdict"]], with_alerts=bool(said.get("with_alerts"))
    ),
    "assign_finding": lambda said: give_findings(said["findings"], said["assignee"], said.get("asset") or ""),
    "decide_findings": lambda said: decide_findings(
        said["findings"], said["decision"], said.get("asset") or "", said.get("until") or ""
    ),
    "set_owner": lambda said: set_owner(said["asset"], said["owner"]),
    "send_message": lambda said: send(said["to"], said.get("text") or ""),
    "watch": lambda said: watch(
        said.get("target") or said.get("rule") or said.get("severity", ""), said.get("until_hours") or 0
    ),
    "delete_schedule": lambda said: (
        end_watch(said["watch_id"])
        if said.get("watch_id")
        else delete_task(said.get("schedule_id") or NUMBER)
    ),
}


ORDERED: Final = frozenset(_ORDERS)  # tools that a line orders


def _labelled(label: str, text: str) -> str:
    """Without the question that stood behind it: a line to send orders."""
    told = _ASKED.sub("", text)
    return f"{label}：{told}" if told else ""
