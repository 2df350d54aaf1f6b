"""Next steps of an investigation: exact lines that people can send; nothing is done by itself."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.models.choices import AlertStatus, AssetType, Verdict
from secops_agent.services.cases.views import cases_of
from secops_agent.services.investigations.checks.estate import EstateFacts, TouchedAsset
from secops_agent.services.investigations.checks.observables import ObservableFacts, Sighted
from secops_agent.services.investigations.checks.related import RelatedFacts
from secops_agent.services.investigations.dossiers import Dossier

_MOST: Final = 5
# A line is made of structured values that can be nothing else than what they are.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


@dataclass(frozen=True, slots=True)
class NextStep:
    """``line`` can be sent as it is; ``why`` says what for."""

    line: Suggestion
    why: str


def next_steps(alert_id: int, status: str, dossier: Dossier) -> tuple[NextStep, ...]:
    """The most useful first; none for what is closed."""
    if status == AlertStatus.CLOSED:
        return ()
    return tuple(_steps(alert_id, status, dossier))[:_MOST]


def _steps(alert_id: int, status: str, dossier: Dossier) -> Iterator[NextStep]:
    verdict = dossier.assessment.verdict
    if status == AlertStatus.OPEN:
        yield NextStep(says.acknowledge(alert_id), "先确认，别人就知道有人在处理")
    if verdict == Verdict.TRUE_POSITIVE:
        yield from _against(alert_id, dossier)
    elif verdict:
        yield NextStep(says.close(alert_id, verdict), "同意建议的话，这样关闭")
    yield from _looking(dossier)


def _against(alert_id: int, dossier: Dossier) -> Iterator[NextStep]:
    """Dangerous ones: they only propose, and another person approves."""
    for each in _strangers(dossier):
        if each.kind == "ip":
            yield NextStep(says.block(each.value, 1440, f"告警 A{alert_id}"), "要另一位审批人同意后才执行")
            break
    for asset in _assets(dossier):
        if asset.asset_type == AssetType.HOST and _NAME.fullmatch(asset.name):
            yield NextStep(
                says.isolate(asset.name, f"告警 A{alert_id}"), "确认失陷再用；要另一位审批人同意后才执行"
            )
            break
    yield from _together(alert_id, dossier)


def _together(alert_id: int, dossier: Dossier) -> Iterator[NextStep]:
    """The gravest other alert of the asset within a day may be the same incident. Only a person says that it is."""
    facts: RelatedFacts | None = dossier.facts.get("related")
    near = [each.id for each in (facts.near if facts else ()) if not each.verdict]
    cases = cases_of([alert_id, *near[:1]])
    if not near or alert_id in cases:
        return
    case = cases.get(near[0])
    if case is None:
        yield NextStep(says.make_case(alert_id, near[0]), "可能是同一件事；要您确认才归到一起")
    elif not case.is_closed:
        yield NextStep(says.join_case(alert_id, case.id), f"A{near[0]} 在里面；要您确认才加入")


def _looking(dossier: Dossier) -> Iterator[NextStep]:
    for each in _strangers(dossier)[:1]:
        yield NextStep(says.look_again(each.value), "它还在哪里出现过")
    for asset in _assets(dossier)[:1]:
        if _NAME.fullmatch(asset.name):
            yield NextStep(says.recent_alerts_of(asset.name), "这台资产上还有什么")
            yield NextStep(says.flaws_of(asset.name), "看有没有可利用的")


def _strangers(dossier: Dossier) -> list[Sighted]:
    """Indicators that are not ours, an address of the outside first."""
    facts: ObservableFacts | None = dossier.facts.get("observables")
    found = [each for each in (facts.indicators if facts else ()) if each.own is None]
    addresses = [each for each in found if each.kind == "ip" and _is_outside(each.value)]
    names = [each for each in found if each.kind in ("domain", "hash") and _NAME.fullmatch(each.value)]
    return [*addresses, *names]


def _is_outside(text: str) -> bool:
    """Somebody else's address (those of documentation are nobody's, and examples use them)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global or any(
        address in network for network in _EXAMPLES if address.version == network.version
    )


_EXAMPLES: Final = tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))


def _assets(dossier: Dossier) -> tuple[TouchedAsset, ...]:
    facts: EstateFacts | None = dossier.facts.get("estate")
    return facts.assets if facts else ()
