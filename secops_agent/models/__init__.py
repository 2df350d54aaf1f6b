"""The models of security operations, one module per noun."""

from secops_agent.models.action import ACTION_OPEN, Action, ActionState
from secops_agent.models.alert import (
    SUPPRESSED,
    Alert,
    AlertAsset,
    AlertEvent,
    AlertIndicator,
    AlertMention,
    AlertPayload,
    MentionBacklog,
)
from secops_agent.models.apart import KeptApart
from secops_agent.models.asset import Asset, AssetKey, Component
from secops_agent.models.audit import AuditKind, AuditRecord, AuditSegment
from secops_agent.models.broker import BrokerConsumer, BrokerLetter, BrokerMark, ConsumerStatus, LetterState
from secops_agent.models.case import Case, CaseStatus, CaseTask
from secops_agent.models.chat_file import ChatFile, FileQuestion
from secops_agent.models.conversation import ConversationMessage
from secops_agent.models.correction import Correction, CorrectionState
from secops_agent.models.intelligence import IndicatorHit, IndicatorList, ListedIndicator, ListedKind
from secops_agent.models.investigation import (
    Investigation,
    InvestigationOpinion,
    InvestigationReplay,
    InvestigationState,
    SecondLook,
)
from secops_agent.models.job import ImportJob, JobPhase, JobState
from secops_agent.models.mcp import McpCatalogue
from secops_agent.models.notification import (
    AlertMessage,
    AlertMessageItem,
    Burst,
    Escalation,
    MessageState,
    NotificationRule,
    NotificationTarget,
    Silence,
    TargetKind,
)
from secops_agent.models.on_call import (
    CalendarDay,
    CalendarFeed,
    OnCallLayer,
    OnCallMember,
    OnCallOverride,
    OnCallSchedule,
    ShiftSwap,
    SwapState,
)
from secops_agent.models.preference import NotificationPreference, Reached
from secops_agent.models.proposal import Proposal, ProposalState, Risk
from secops_agent.models.pull import Pull
from secops_agent.models.record import DemoObject, History, ImportRun, SlaTarget, Uncompared
from secops_agent.models.report import SecurityReport
from secops_agent.models.runbook import Runbook, RunbookFile, RunbookTerm, RunbookVersion
from secops_agent.models.schedule import Feed, RunState, ScheduledTask, TaskRun
from secops_agent.models.staff import Role, Staff, allows
from secops_agent.models.suppression import SuppressionRule
from secops_agent.models.syslog import (
    SyslogEncoding,
    SyslogLevel,
    SyslogListener,
    SyslogRejection,
    SyslogSource,
    SyslogTraffic,
)
from secops_agent.models.token import ApiToken, RememberedAnswer, Scope
from secops_agent.models.triage import SavedView, TriageBatch
from secops_agent.models.usage import ModelPrice, TurnUsage
from secops_agent.models.vulnerability import (
    AffectedRange,
    EpssScore,
    Finding,
    SupplierStatement,
    Vulnerability,
    VulnerabilityAlias,
)
from secops_agent.models.web_line import LineKind, WebLine

__all__ = [
    "ACTION_OPEN",
    "SUPPRESSED",
    "Action",
    "ActionState",
    "AffectedRange",
    "Alert",
    "AlertAsset",
    "AlertEvent",
    "AlertIndicator",
    "AlertMention",
    "AlertMessage",
    "AlertMessageItem",
    "AlertPayload",
    "ApiToken",
    "Asset",
    "AssetKey",
    "AuditKind",
    "AuditRecord",
    "AuditSegment",
    "BrokerConsumer",
    "BrokerLetter",
    "BrokerMark",
    "Burst",
    "CalendarDay",
    "CalendarFeed",
    "Case",
    "CaseStatus",
    "CaseTask",
    "ChatFile",
    "Component",
    "ConsumerStatus",
    "ConversationMessage",
    "Correction",
    "CorrectionState",
    "DemoObject",
    "EpssScore",
    "Escalation",
    "Feed",
    "FileQuestion",
    "Finding",
    "History",
    "ImportJob",
    "ImportRun",
    "IndicatorHit",
    "IndicatorList",
    "Investigation",
    "InvestigationOpinion",
    "InvestigationReplay",
    "InvestigationState",
    "JobPhase",
    "JobState",
    "KeptApart",
    "LetterState",
    "LineKind",
    "ListedIndicator",
    "ListedKind",
    "McpCatalogue",
    "MentionBacklog",
    "MessageState",
    "ModelPrice",
    "NotificationPreference",
    "NotificationRule",
    "NotificationTarget",
    "OnCallLayer",
    "OnCallMember",
    "OnCallOverride",
    "OnCallSchedule",
    "Proposal",
    "ProposalState",
    "Pull",
    "Reached",
    "RememberedAnswer",
    "Risk",
    "Role",
    "RunState",
    "Runbook",
    "RunbookFile",
    "RunbookTerm",
    "RunbookVersion",
    "SavedView",
    "ScheduledTask",
    "Scope",
    "SecondLook",
    "SecurityReport",
    "ShiftSwap",
    "Silence",
    "SlaTarget",
    "Staff",
    "SupplierStatement",
    "SuppressionRule",
    "SwapState",
    "SyslogEncoding",
    "SyslogLevel",
    "SyslogListener",
    "SyslogRejection",
    "SyslogSource",
    "SyslogTraffic",
    "TargetKind",
    "TaskRun",
    "TriageBatch",
    "TurnUsage",
    "Uncompared",
    "Vulnerability",
    "VulnerabilityAlias",
    "WebLine",
    "allows",
]
