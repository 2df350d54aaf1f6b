"""What an utterance was understood as: the values that the offline mode hands to the agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bifang.channels.ports import Suggestion

ControlAction = Literal[
    "confirm", "approve", "reject", "withdraw", "withdraw_files", "stop", "forget", "accept", "decline"
]

READ_TOOLS = frozenset([
    "list_alerts", "get_alert", "alert_statistics", "list_assets", "get_asset", "lookup_cve", "affected_assets",
    "list_vulnerabilities", "lookup_indicator", "search_runbook", "security_report", "list_schedules", "who_is_on_call",
    "list_proposals", "service_status", "investigate_alert", "noisy_rules", "list_cases", "get_case", "list_blocks", "list_findings",
    "compare_periods", "search_events", "compute", "export_alerts", "export_case",
])  # fmt: skip
ACTION_TOOLS = frozenset([
    "acknowledge_alert", "assign_alert", "close_alert", "create_schedule", "change_schedule", "delete_schedule", "block_ip", "isolate_host", "unblock_ip", "release_host", "mistaken_block", "set_severity", "set_owner", "send_message", "watch",
    "silence_alerts", "swap_shift", "cover_shift", "create_case", "add_case_alerts", "split_case", "merge_cases", "assign_case", "close_case",
    "add_case_task", "comment_case", "reopen_alert", "unassign_alert", "comment_alert", "end_silence", "reopen_case", "set_case_status",
    "finish_case_task", "assign_finding",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool to call with its arguments; arguments that were not said are absent.

    Of what was asked before: ``items`` are the identifiers that the answer listed, in order, so that 第 2 条 can be
    resolved, ``about`` what else 它 may be, ``before`` the last list, if this was none.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    before: "Intent | None" = None


@dataclass(frozen=True, slots=True)
class Wish:
    """An order, or without ``certain`` what may be offered. ``when``: how the time of a schedule was said."""

    intent: Intent
    certain: bool
    when: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """确认 CODE, 同意 CODE, 拒绝 CODE 理由, 取消 CODE, 全部取消, 停止, 新对话: before any turn is run. ``code`` "": the only one there is."""

    action: ControlAction
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Understanding:
    """What one sentence comes to: an ``intent`` (a question, or an exact order), a ``control``, a ``category`` (of `words/talk.toml`),
    ``offers`` (what may have been ordered, as one offer), or a ``question`` back; else it was not understood.

    ``beside``: the same question of other things. ``suggestions`` can be sent as they are; ``hint`` says in Chinese why what looked like a request is none, or what an
    answer is not. ``guessed``: a model may understand it better. ``unused``: what the question said and the intent does not
    carry. ``named``: what the sentence names, by kind; ``order``: the order that still lacks something, or is offered; ``drops``: what is offered
    is taken back; ``each``: the order is meant for "all" that the look-up lists, for "one" of it, or for as many as were said; ``waits``: the same order for other things.
    """

    intent: Intent | None = None
    beside: tuple[Intent, ...] = ()
    control: Control | None = None
    category: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    hint: str = ""
    offers: tuple[Intent, ...] = ()
    question: str = ""
    guessed: bool = False
    unused: tuple[str, ...] = ()
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Intent | None = None
    drops: bool = False
    each: str = ""
    waits: tuple[Intent, ...] = ()
