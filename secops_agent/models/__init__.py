"""The models of security operations, one module per noun."""

from secops_agent.models.alerting.alert import (
    SUPPRESSED,
    Alert,
    AlertAsset,
    AlertEvent,
    AlertIndicator,
    AlertMention,
    AlertPayload,
    MentionBacklog,
    handler_of,
)
from secops_agent.models.alerting.call import CALL_COUNTED, CALL_OPEN, CALLED_LATER, CallState, WakeCall
from secops_agent.models.alerting.case import Case, CaseStatus, CaseTask
from secops_agent.models.alerting.correction import Correction, CorrectionState
from secops_agent.models.alerting.detection_rule import DetectionRule
from secops_agent.models.alerting.investigation import (
    Investigation,
    InvestigationOpinion,
    InvestigationReplay,
    InvestigationState,
    SecondLook,
)
from secops_agent.models.alerting.notification import (
    AlertMessage,
    AlertMessageItem,
    Burst,
    CallMeans,
    Escalation,
    MessageState,
    NotificationRule,
    NotificationTarget,
    Silence,
    TargetKind,
)
from secops_agent.models.alerting.preference import LoudestCall, NotificationPreference, Reached
from secops_agent.models.alerting.reporting import (
    CaseReporting,
    GradingQuestion,
    IncidentLevel,
    ReportingDuty,
    ReportingEntry,
    ReportingReminder,
    ReportStage,
)
from secops_agent.models.alerting.suppression import SuppressionRule
from secops_agent.models.alerting.triage import SavedView, TriageBatch
from secops_agent.models.automation.action import ACTION_OPEN, Action, ActionState
from secops_agent.models.automation.block import BlockRecord, BlockState, DeviceReading
from secops_agent.models.automation.conversation import ConversationMessage
from secops_agent.models.automation.mcp import McpCatalogue
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk
from secops_agent.models.automation.report import SecurityReport
from secops_agent.models.automation.runbook import Runbook, RunbookFile, RunbookTerm, RunbookVersion
from secops_agent.models.automation.schedule import Feed, RunState, ScheduledTask, TaskRun
from secops_agent.models.automation.web_line import LineKind, WebLine
from secops_agent.models.estate.apart import KeptApart
from secops_agent.models.estate.asset import Asset, AssetKey, Component
from secops_agent.models.estate.intelligence import IndicatorHit, IndicatorList, ListedIndicator, ListedKind
from secops_agent.models.estate.vulnerability import (
    AffectedRange,
    EpssScore,
    Finding,
    SupplierStatement,
    Vulnerability,
    VulnerabilityAlias,
)
from secops_agent.models.people.audit import AuditKind, AuditRecord, AuditSegment
from secops_agent.models.people.on_call import (
    CalendarDay,
    CalendarFeed,
    OnCallLayer,
    OnCallMember,
    OnCallOverride,
    OnCallSchedule,
    ShiftSwap,
    SwapState,
)
from secops_agent.models.people.staff import Role, Staff, allows
from secops_agent.models.people.token import ApiToken, RememberedAnswer, Scope
from secops_agent.models.people.usage import ModelPrice, TurnUsage
from secops_agent.models.sources.broker import (
    BrokerConsumer,
    BrokerLetter,
    BrokerMark,
    ConsumerStatus,
    LetterState,
)
from secops_agent.models.sources.chat_file import ChatFile, FileQuestion
from secops_agent.models.sources.data_source import DataSource, SourceDoor, SourceHour, SourceTrouble
from secops_agent.models.sources.format_table import FormatTable
from secops_agent.models.sources.job import ImportJob, JobPhase, JobState
from secops_agent.models.sources.pull import Pull
from secops_agent.models.sources.record import DemoObject, History, ImportRun, SlaTarget, Uncompared
from secops_agent.models.sources.syslog import (
    SyslogEncoding,
    SyslogLevel,
    SyslogListener,
    SyslogRejection,
    SyslogSource,
    SyslogTraffic,
)

__all__ = [
    "ACTION_OPEN",
    "CALLED_LATER",
    "CALL_COUNTED",
    "CALL_OPEN",
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
    "BlockRecord",
    "BlockState",
    "BrokerConsumer",
    "BrokerLetter",
    "BrokerMark",
    "Burst",
    "CalendarDay",
    "CalendarFeed",
    "CallMeans",
    "CallState",
    "Case",
    "CaseReporting",
    "CaseStatus",
    "CaseTask",
    "ChatFile",
    "Component",
    "ConsumerStatus",
    "ConversationMessage",
    "Correction",
    "CorrectionState",
    "DataSource",
    "DemoObject",
    "DetectionRule",
    "DeviceReading",
    "EpssScore",
    "Escalation",
    "Feed",
    "FileQuestion",
    "Finding",
    "FormatTable",
    "GradingQuestion",
    "History",
    "ImportJob",
    "ImportRun",
    "IncidentLevel",
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
    "LoudestCall",
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
    "ReportStage",
    "ReportingDuty",
    "ReportingEntry",
    "ReportingReminder",
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
    "SourceDoor",
    "SourceHour",
    "SourceTrouble",
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
    "WakeCall",
    "WebLine",
    "allows",
    "handler_of",
]
