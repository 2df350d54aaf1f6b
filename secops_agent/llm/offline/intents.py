"""What an utterance was understood as: the values that the offline mode hands to the agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from secops_agent.llm.types import Offer

ControlAction = Literal[
    "confirm", "approve", "reject", "withdraw", "withdraw_files", "stop", "forget", "accept", "decline"
]

READ_TOOLS = frozenset([
    "list_alerts", "get_alert", "alert_statistics", "list_assets", "get_asset", "lookup_cve", "affected_assets",
    "list_vulnerabilities", "lookup_indicator", "search_runbook", "security_report", "list_schedules", "who_is_on_call",
    "list_proposals", "service_status", "investigate_alert", "noisy_rules", "list_cases", "get_case",
])  # fmt: skip
ACTION_TOOLS = frozenset([
    "acknowledge_alert", "assign_alert", "close_alert", "create_schedule", "delete_schedule", "block_ip", "isolate_host",
    "silence_alerts", "swap_shift", "create_case", "add_case_alerts", "split_case", "merge_cases", "assign_case", "close_case",
    "add_case_task", "comment_case",
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
    """Exactly one of ``intent``, ``control``, ``category`` (of `words/talk.toml`) and ``offer`` is set, or none: not understood.

    ``suggestions`` can be sent as they are; ``hint`` says in Chinese why what looked like a request is none.
    ``guessed``: a model may understand it better. ``unused``: what the question said and the intent does not carry.
    """

    intent: Intent | None = None
    control: Control | None = None
    category: str = ""
    suggestions: tuple[str, ...] = ()
    hint: str = ""
    offer: Offer | None = None
    guessed: bool = False
    unused: tuple[str, ...] = ()
