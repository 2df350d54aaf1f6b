"""The frames of the tools that read: what the answer of each tells of, and the names that it takes and needs (see `llm.understanding.frames`)."""

from collections.abc import Callable
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.understanding.frames import ToolFrame


def _frame(
    tool: str,
    tells: str,
    takes: str = "",
    needs: str = "",
    tap: Callable[[str], Suggestion] | None = None,
    example: Suggestion | None = None,
) -> ToolFrame:
    return ToolFrame(
        tool, frozenset(tells.split()), frozenset(takes.split()), tuple(needs.split()), tap, example
    )


FRAMES: Final[tuple[ToolFrame, ...]] = (
    _frame("list_alerts", "ask.attacked ask.count ask.did ask.due ask.handler ask.happened ask.list ask.related ask.state ask.when ask.who ask.why noun.alert said.held said.listed said.mine said.severity said.status said.time said.unowned said.urgent said.verdict said.whole", "ASSET ASSET_IP HOST IP DOMAIN URL HASH CVE PERSON TECHNIQUE NETWORK OBSERVABLE ENVIRONMENT", tap=says.alerts_of),
    _frame("get_alert", "ask.count ask.define ask.due ask.handler ask.list ask.owner ask.state ask.told ask.when ask.who ask.why noun.alert noun.case noun.event said.severity said.status said.verdict", "ASSET PERSON", "ALERT", tap=says.show),
    _frame("investigate_alert", "ask.investigate ask.judge ask.why noun.alert said.status said.verdict", "", "ALERT", tap=says.investigate),
    _frame("alert_statistics", "ask.attacked ask.count ask.did ask.due ask.handler ask.list ask.noisy ask.related ask.state ask.statistics ask.trend ask.where ask.who ask.why noun.alert noun.report said.group said.held said.severity said.status said.time said.verdict", "ASSET ASSET_IP HOST IP DOMAIN URL HASH PERSON TECHNIQUE NETWORK OBSERVABLE ENVIRONMENT", example=says.STATISTICS),
    _frame("compare_periods", "ask.compare ask.count ask.handler ask.howlong ask.statistics ask.who noun.alert said.group said.held said.mine said.severity said.status said.time said.verdict", "ASSET ASSET_IP HOST IP DOMAIN URL HASH PERSON TECHNIQUE NETWORK OBSERVABLE ENVIRONMENT", example=says.COMPARED),
    _frame("search_events", "ask.count ask.list ask.related ask.who noun.event said.time", "ASSET ASSET_IP HOST IP DOMAIN URL HASH OBSERVABLE PERSON"),
    _frame("get_asset", "ask.count ask.handler ask.list ask.owner ask.ports ask.state ask.when ask.where ask.who noun.oncall noun.service", "IP", "ASSET ASSET_IP HOST", tap=says.look_up),
    _frame("list_assets", "ask.affected ask.count ask.installed ask.list ask.owner ask.where ask.who noun.schedule noun.service said.mine said.unowned", "PERSON NETWORK ASSET HOST ENVIRONMENT", example=says.ASSETS),
    _frame("lookup_cve", "ask.affected ask.count ask.define ask.due ask.fix ask.handler ask.how ask.kev ask.list ask.patched ask.when ask.why noun.vuln said.fix said.nofix said.severity said.version", "", "CVE", tap=says.look_up),
    _frame("affected_assets", "ask.affected ask.where ask.count ask.fix ask.handler ask.kev ask.list ask.owner ask.patched ask.who noun.asset noun.software ask.installed noun.vuln", "ASSET ASSET_IP HOST PERSON ENVIRONMENT", "CVE", tap=says.affected),
    _frame("list_vulnerabilities", "ask.affected ask.count ask.due ask.fix ask.how ask.kev ask.list ask.patched ask.related ask.statistics ask.when ask.who noun.finding noun.report noun.vuln said.fix said.group said.nofix said.severity said.time", "ASSET ASSET_IP HOST CVE PERSON", tap=says.flaws_of),
    _frame("list_findings", "ask.affected ask.count ask.due ask.fix ask.handler ask.kev ask.list ask.owner ask.patched ask.related ask.statistics ask.state ask.what ask.when ask.where ask.who noun.finding noun.vuln said.fix said.group said.nofix said.severity said.status said.time said.verdict", "ASSET ASSET_IP HOST CVE PERSON FINDING ENVIRONMENT", example=says.FINDINGS),
    _frame("lookup_indicator", "ask.affected ask.attacked ask.count ask.define ask.intel ask.investigate ask.judge ask.list ask.related ask.state ask.when ask.where ask.who said.status", "PERSON ASSET HOST", "IP DOMAIN URL HASH OBSERVABLE ASSET_IP", tap=says.look_up),
    _frame("search_runbook", "ask.fix ask.how ask.howto ask.list ask.when ask.who noun.alert noun.case noun.finding noun.report noun.runbook noun.vuln said.severity said.status said.time", "ALERT TECHNIQUE CVE ASSET HOST", tap=says.handle),
    _frame("security_report", "ask.compare ask.count ask.list noun.alert noun.report said.file said.time", example=says.DAILY),
    _frame("who_is_on_call", "ask.handler ask.list ask.when ask.who noun.oncall said.time", "PERSON", example=says.ON_CALL),
    _frame("list_schedules", "ask.count ask.list ask.when noun.alert noun.report noun.schedule", "SCHEDULE", example=says.TASKS),
    _frame("list_proposals", "ask.count ask.handler ask.list ask.state ask.when ask.who noun.block noun.proposal said.status said.time", "IP ASSET ASSET_IP HOST PERSON ALERT", example=says.PENDING),
    _frame("list_blocks", "ask.count ask.due ask.handler ask.list ask.state ask.when ask.who ask.why noun.block noun.proposal", "IP ASSET ASSET_IP HOST ALERT", tap=says.is_blocked, example=says.BLOCKS),
    _frame("noisy_rules", "ask.count ask.list ask.noisy noun.alert", example=says.NOISY_RULES),
    _frame("list_cases", "ask.count ask.handler ask.list ask.related ask.state ask.when ask.who noun.case said.group said.held said.mine said.severity said.status said.time said.unowned said.urgent", "ASSET HOST PERSON", example=says.CASES),
    _frame("get_case", "ask.affected ask.count ask.due ask.handler ask.list ask.owner ask.state ask.when ask.who noun.alert noun.case noun.report noun.schedule said.group said.severity said.status", "", "CASE", tap=says.progress),
    _frame("service_status", "ask.list ask.state noun.service said.status said.time", example=says.STATUS),
)  # fmt: skip
