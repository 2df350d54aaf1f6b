"""The frames of the tools that read: what each is about, what it takes, and the words that belong to it (see `llm.understanding.frames`).

One table, because the weights are weighed against each other. About 3 is what a thing by itself tells; 1 is a hint.
"""

from typing import Final

from secops_agent import says
from secops_agent.llm.understanding.frames import ToolFrame

_HOST: Final = {"ASSET": 0.0, "ASSET_IP": 0.0, "HOST": 0.0}
_INDICATOR: Final = {"IP": 0.0, "DOMAIN": 0.0, "URL": 0.0, "HASH": 0.0}

FRAMES: Final[tuple[ToolFrame, ...]] = (
    ToolFrame(
        "list_alerts",
        {"noun.alert": 3.0, "noun.service": -1.5, "word.attack": 2.0, "ask.list": 0.8, "ask.see": 0.4, "ask.related": 1.0, "ask.count": 0.6, "ask.due": 2.0, "said.severity": 1.0, "said.status": 1.5, "said.time": 0.7, "said.limit": 1.0, "said.mine": 1.2, "said.held": 2.5, "said.urgent": 2.6, "ask.handler": 0.5, "said.listed": 1.5, "said.exists": 0.6, "ask.attacked": 3.0, "said.unowned": 1.5, "said.whole": 1.0, "ask.happened": 2.2, "ask.patched": -2.5, "ask.where": -2.0, "noun.vuln": -1.5, "ask.who": 0.0, "ask.when": 0.0, "ask.state": 0.0, "said.verdict": 0.0, "noun.proposal": -0.5},
        {**_HOST, "IP": 1.0, "DOMAIN": 1.0, "URL": 0.5, "HASH": 0.5, "CVE": 0.5, "PERSON": 0.5, "TECHNIQUE": 2.5, "NETWORK": 0.5, "OBSERVABLE": 1.0, "ENVIRONMENT": 0.5},
        about=("ask.happened", "said.time", "noun.alert", "word.attack", "said.status", "said.severity", "said.urgent", "said.listed", "kind.TECHNIQUE", "said.mine", "said.limit", "said.held", "ask.due", "ask.attacked"),
        tap=says.alerts_of,
    ),
    ToolFrame(
        "get_alert",
        {"noun.alert": 0.3, "ask.what": 1.0, "ask.handler": 1.5, "ask.who": 1.0, "ask.why": 0.8, "ask.see": 0.6, "ask.when": 0.8, "ask.owner": 0.8, "ask.state": 0.8, "noun.rule": 0.5, "noun.indicator": 0.5, "noun.asset": 0.5, "ask.count": 0.0, "said.status": 0.0, "said.verdict": 0.0, "said.severity": 0.0, "ask.list": 0.0, "ask.define": 0.0, "ask.due": 0.0, "noun.event": 0.0, "noun.case": 0.0},
        {"ALERT": 2.8, "ASSET": -0.5, "PERSON": 0.3},
        needs=("ALERT",),
        tap=says.show,
    ),
    ToolFrame(
        "investigate_alert",
        {"ask.investigate": 2.5, "ask.judge": 2.5, "ask.why": 1.2, "said.verdict": 0.0, "ask.what": 0.0, "said.status": 0.0, "noun.alert": 0.2, "ask.see": 0.0},
        {"ALERT": 1.8},
        needs=("ALERT",),
        tap=says.investigate,
    ),
    ToolFrame(
        "alert_statistics",
        {"noun.alert": 2.0, "ask.count": 1.6, "ask.statistics": 2.6, "ask.trend": 3.0, "said.group": 2.4, "said.time": 0.4, "word.attack": 0.4, "said.topgroup": 2.5, "said.verdict": 2.0, "said.closed": 1.5, "said.countonly": 0.8, "ask.where": 4.5, "ask.due": 0.5, "said.exists": 0.3, "said.held": 0.3, "noun.asset": -1.0, "noun.vuln": -1.5, "noun.rule": 1.0, "said.severity": 0.0, "said.status": 0.0, "ask.who": 0.0, "ask.handler": 0.0, "ask.list": 0.0, "ask.attacked": 0.0, "ask.related": 0.0, "ask.patched": -2.5, "noun.case": -2.5, "ask.howlong": -4.0, "ask.noisy": 0.0, "ask.see": 0.0, "noun.report": 0.0, "said.compared": -2.5, "ask.state": 0.0},
        {**_HOST, "IP": 0.5, "DOMAIN": 0.5, "URL": 0.5, "HASH": 0.5, "PERSON": 0.3, "TECHNIQUE": 1.0, "NETWORK": 0.5, "OBSERVABLE": 0.8, "ENVIRONMENT": 0.5},
        about=("ask.where", "noun.alert", "word.attack", "ask.trend", "said.topgroup", "said.verdict", "said.group"),
        example=says.STATISTICS,
    ),
    ToolFrame(
        "compare_periods",
        {"said.compared": 6.5, "ask.howlong": 4.5, "noun.alert": 1.0, "said.time": 0.4, "ask.count": 0.4, "said.severity": 0.4, "noun.vuln": -3.0, "noun.oncall": -3.0, "ask.compare": 0.0, "said.group": 0.0, "said.topgroup": 0.0, "ask.who": 0.0, "ask.statistics": 0.0, "said.status": 0.0, "ask.handler": 0.0, "said.people": 0.0},
        {"ASSET": 0.5, "ASSET_IP": 0.5, "HOST": 0.5, "PERSON": 0.5, "ALERT": -3.0},
        about=("said.compared", "ask.howlong"),
        example=says.COMPARED,
    ),
    ToolFrame(
        "search_events",
        {"noun.event": 4.5, "ask.see": 0.6, "ask.related": 0.5, "said.exists": 0.5, "said.time": 0.3, "ask.list": 0.0, "ask.count": 0.0},
        {**_HOST, "IP": 1.0, "DOMAIN": 1.0, "URL": 1.0, "HASH": 1.0, "ALERT": -3.0},
        about=("noun.event",),
    ),
    ToolFrame(
        "get_asset",
        {"noun.asset": 0.6, "noun.alert": -1.6, "ask.attacked": -2.0, "word.attack": -1.0, "ask.ports": 1.0, "noun.vuln": -1.0, "ask.owner": 1.6, "ask.what": 1.0, "ask.state": 1.5, "ask.who": 0.8, "ask.see": 0.4, "noun.service": 0.3, "said.time": -1.2, "said.severity": -1.2, "said.status": -1.0, "ask.happened": -1.0, "ask.handler": 0.0, "ask.count": 0.0, "ask.where": 0.0, "ask.list": 0.0, "ask.when": 0.0, "noun.oncall": 0.0, "noun.proposal": -1.0},
        {"ASSET": 2.4, "ASSET_IP": 2.6, "HOST": 2.0, "IP": 0.5},
        needs=("ASSET", "ASSET_IP", "HOST"),
        tap=says.look_up,
    ),
    ToolFrame(
        "list_assets",
        {"said.severity": -0.5, "noun.asset": 2.0, "word.asset": 1.0, "ask.how": -3.0, "ask.howto": -2.0, "noun.runbook": -1.5, "noun.vuln": -1.0, "ask.list": 0.8, "ask.count": 0.8, "ask.owner": 0.8, "ask.installed": 2.5, "noun.software": 1.0, "said.software": 0.8, "said.people": 1.8, "said.held": -3.0, "said.status": -2.5, "word.attack": -2.0, "said.unowned": 1.5, "ask.who": 0.2, "said.exists": 0.3, "said.type": 1.4, "noun.alert": -1.5, "ask.see": 0.0, "ask.where": 0.0, "said.mine": 0.0, "ask.affected": 0.0, "noun.service": 0.0, "noun.schedule": 0.0},
        {"PERSON": 0.8, "NETWORK": 2.0, "ASSET": -2.0, "HOST": 0.3},
        about=("noun.asset", "said.type", "said.people", "word.asset", "ask.installed", "said.unowned", "kind.NETWORK"),
        example=says.ASSETS,
    ),
    ToolFrame(
        "lookup_cve",
        {"ask.what": 1.0, "ask.fix": 1.2, "noun.vuln": 0.6, "said.version": 4.0, "ask.see": 0.4, "ask.kev": 1.8, "ask.when": 0.5, "ask.how": 0.8, "ask.why": 0.4, "said.severity": 0.0, "said.fix": 0.0, "said.nofix": 0.0, "ask.patched": 0.0, "ask.count": 0.0, "ask.define": 0.0, "ask.handler": 0.0, "ask.due": 0.0, "ask.affected": 0.0, "ask.list": 0.0},
        {"CVE": 2.8},
        needs=("CVE",),
        tap=says.look_up,
    ),
    ToolFrame(
        "affected_assets",
        {"ask.affected": 2.6, "noun.asset": 1.6, "ask.count": 1.0, "ask.owner": 1.0, "said.ours": 1.6, "ask.list": 0.8, "ask.who": 1.9, "said.exists": 0.5, "ask.kev": 1.0, "ask.patched": 0.0, "noun.vuln": 0.0, "ask.see": 0.0, "ask.handler": 0.0, "ask.fix": 0.0, "ask.what": 0.0},
        {"CVE": 2.4, "ASSET": 0.8, "ASSET_IP": 0.8, "HOST": 0.8},
        needs=("CVE",),
        tap=says.affected,
    ),
    ToolFrame(
        "list_vulnerabilities",
        {"noun.vuln": 3.0, "ask.list": 0.6, "ask.count": 0.6, "ask.kev": 1.5, "ask.fix": 1.2, "ask.patched": 2.4, "said.severity": 0.6, "said.software": 0.8, "said.fix": 1.2, "said.nofix": 1.2, "ask.due": 0.8, "said.limit": 0.3, "ask.installed": 0.0, "ask.how": 0.0, "noun.asset": -0.4, "said.exists": 0.4, "ask.see": 0.0, "ask.who": 0.0, "ask.what": 0.0, "ask.affected": 0.0, "noun.finding": 0.0, "noun.report": 0.0, "said.group": 1.0, "said.topgroup": 1.0, "ask.statistics": 0.8},
        {"ASSET": 0.8, "ASSET_IP": 0.8, "HOST": 0.8, "CVE": -1.5, "PERSON": 0.3},
        about=("noun.vuln", "ask.kev", "said.fix", "said.nofix", "ask.patched"),
        tap=says.flaws_of,
    ),
    ToolFrame(
        "list_findings",
        {"noun.finding": 4.5, "noun.runbook": -3.0, "noun.alert": -1.5, "ask.list": 0.6, "ask.count": 0.6, "ask.due": 0.8, "said.status": 0.5, "ask.patched": 0.5, "said.severity": 0.4, "ask.owner": 0.0, "ask.who": 0.0, "ask.where": 0.0, "ask.related": 0.0, "ask.when": 0.0, "ask.see": 0.0, "ask.what": 0.0, "noun.vuln": -1.0},
        {"ASSET": 1.0, "ASSET_IP": 1.0, "HOST": 0.8},
        about=("noun.finding",),
        example=says.FINDINGS,
    ),
    ToolFrame(
        "lookup_indicator",
        {"ask.intel": 1.8, "said.status": 0.8, "noun.indicator": 1.0, "noun.alert": -1.2, "word.attack": 0.6, "ask.what": 1.0, "ask.related": 1.4, "ask.see": 0.5, "ask.judge": 0.8, "ask.state": 0.6, "ask.when": 0.8, "ask.affected": 0.5, "ask.investigate": 0.6, "ask.where": 0.0, "ask.list": 0.0, "noun.asset": 0.0, "ask.count": 0.0, "ask.define": 0.0, "ask.who": 0.0, "ask.attacked": 0.0, "said.exists": 0.0},
        {"IP": 2.8, "DOMAIN": 2.8, "URL": 2.8, "HASH": 2.8, "OBSERVABLE": 2.4, "ASSET_IP": 1.0, "PERSON": -0.5},
        needs=("IP", "DOMAIN", "URL", "HASH", "OBSERVABLE", "ASSET_IP"),
        tap=says.look_up,
    ),
    ToolFrame(
        "search_runbook",
        {"noun.runbook": 4.2, "ask.how": 2.8, "word.attack": 0.8, "word.runbook": 1.5, "ask.see": 0.0, "ask.list": 0.0, "ask.howto": 0.0, "ask.what": 0.0, "ask.who": 0.0, "noun.alert": 0.0, "noun.vuln": 0.0, "ask.fix": 0.0, "ask.when": 0.0, "noun.case": 0.0, "noun.finding": 0.0, "noun.report": 0.0, "said.status": 0.0, "said.time": 0.0, "said.severity": 0.0},
        {"ALERT": 0.6, "TECHNIQUE": 0.6, "CVE": -0.5, "ASSET": 0.0, "HOST": 0.0},
        about=("noun.runbook", "said.handled"),
        tap=says.handle,
    ),
    ToolFrame(
        "security_report",
        {"noun.report": 3.6, "said.file": 0.5, "ask.how": -3.0, "said.periods": 3.5, "said.time": 0.4, "ask.see": 0.3, "ask.list": 0.0, "ask.count": 0.0, "ask.compare": 0.0, "noun.alert": 0.0, "said.compared": 0.0},
        {},
        about=("noun.report", "said.periods"),
        example=says.DAILY,
    ),
    ToolFrame(
        "who_is_on_call",
        {"noun.oncall": 4.0, "ask.when": 0.0, "ask.who": 0.8, "said.time": 0.2, "ask.see": 0.0, "ask.list": 0.0, "ask.handler": 0.0},
        {"PERSON": 0.2},
        about=("noun.oncall",),
        example=says.ON_CALL,
    ),
    ToolFrame(
        "list_schedules",
        {"said.reporttime": 4.5, "noun.schedule": 3.9, "ask.when": 0.0, "noun.report": 0.0, "ask.list": 0.8, "ask.see": 0.4, "ask.count": 0.5, "ask.what": 0.0, "noun.alert": 0.0},
        {"SCHEDULE": 0.5},
        about=("noun.schedule", "said.reporttime"),
        example=says.TASKS,
    ),
    ToolFrame(
        "list_proposals",
        {"noun.proposal": 3.6, "ask.list": 0.8, "ask.see": 0.3, "ask.count": 0.0, "ask.who": 0.0, "ask.when": 0.0, "ask.state": 0.0, "ask.handler": 0.0, "said.status": 0.0},
        {},
        about=("noun.proposal",),
        example=says.PENDING,
    ),
    ToolFrame(
        "list_blocks",
        {"noun.block": 3.6, "ask.list": 0.8, "ask.count": 0.5, "ask.see": 0.4, "ask.state": 0.6, "ask.who": 0.8, "ask.when": 0.8, "ask.due": 0.5, "ask.handler": 0.0, "noun.proposal": 2.2, "noun.indicator": 0.0},
        {"IP": 1.0, "ASSET": 1.0, "ASSET_IP": 1.0, "HOST": 0.5, "ALERT": 0.5},
        about=("noun.block", "noun.proposal"),
        example=says.BLOCKS,
        tap=says.is_blocked,
    ),
    ToolFrame(
        "noisy_rules",
        {"noun.alert": 1.0, "ask.noisy": 2.6, "noun.rule": 1.6},
        {},
        about=("ask.noisy",),
        example=says.NOISY_RULES,
    ),
    ToolFrame(
        "list_cases",
        {"noun.case": 3.0, "ask.list": 0.8, "ask.count": 0.5, "ask.see": 0.3, "ask.who": 0.0, "ask.handler": 0.0, "said.status": 0.0, "said.group": 0.0, "ask.state": 0.0, "ask.what": 0.3, "ask.when": 0.0, "said.people": 0.0, "said.mine": 0.0, "said.urgent": 0.0, "said.severity": 0.0},
        {},
        about=("noun.case",),
        example=says.CASES,
    ),
    ToolFrame(
        "get_case",
        {"noun.case": 1.5, "noun.alert": 0.5, "ask.count": 0.0, "ask.handler": 1.0, "ask.what": 0.8, "ask.see": 0.4, "noun.schedule": 0.5, "ask.list": 0.0, "ask.affected": 0.0, "ask.who": 0.5, "ask.owner": 0.5, "said.status": 0.0, "ask.when": 0.0, "said.severity": 0.0, "ask.state": 0.0, "said.people": 0.0, "said.group": 0.0},
        {"CASE": 3.0},
        needs=("CASE",),
        tap=says.progress,
    ),
    ToolFrame("service_status", {"noun.service": 3.6, "said.status": 0.0, "said.time": 0.0, "ask.state": 0.0, "ask.list": 0.0, "ask.see": 0.0}, {}, about=("noun.service",), example=says.STATUS),
)  # fmt: skip
