"""assign_finding: who works on some findings. decide_findings: what is decided about them, until when and why; both as the page does it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.utils import timezone
from django.utils.dateparse import parse_date

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.models import Finding
from secops_agent.models.choices import FindingDecision, FindingState, VexJustification
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import Conflict
from secops_agent.services.people.staff import Person
from secops_agent.services.vulnerabilities import findings, resolutions
from secops_agent.services.vulnerabilities.covered import covered, of_two
from secops_agent.services.vulnerabilities.findings import VULNERABILITY_ID, FindingFilter
from secops_agent.services.vulnerabilities.resolutions import Resolution, Resolved
from secops_agent.services.vulnerabilities.states import SECOND, SETTLED
from secops_agent.services.vulnerabilities.views import FindingSummary, finding_summaries
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.filters import (
    SEPARATORS,
    asset_like,
    colleague,
    environment_argument,
    exposed_argument,
    importance_argument,
)

MOST: Final = 50  # findings of one call
OPEN: Final = "待处理"
WITHDRAWN: Final = "withdraw"
DECISIONS: Final = {
    **{str(value): str(label) for value, label in FindingDecision.choices},
    WITHDRAWN: "撤回决定",
}
_JUSTIFICATIONS: Final = {str(value): str(label) for value, label in VexJustification.choices}
_CODE: Final = re.compile(r"F?(\d{1,18})", re.IGNORECASE)
_WITH: Final = ("asset__owner", "component", "vulnerability", "assignee")
_NONE: Final = "没有执行任何操作。"


class MeantFindings(Arguments):
    """Which findings: their numbers, vulnerabilities or rules, and what narrows these."""

    findings: str = argument(
        f"哪些发现：发现的编号（F12）、漏洞编号（它的全部待处理发现）或规则，几个之间用英文逗号分隔，一次最多 {MOST} 条",
        default="", max_length=1200,
    )  # fmt: skip
    asset: str = argument(
        "只要这个资产上的：名称、IP 或编号，几个之间用英文逗号分隔", default="", max_length=600
    )
    owner: str = argument("只要这位资产负责人的", default="", max_length=100)
    environment: str = environment_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()
    overdue: bool | None = argument("只要超过修复时限的", default=None)
    due_within: int | None = argument("只要多少天内到修复时限的", default=None, minimum=1, maximum=365)
    count: int | None = argument("提问者说了是几条：不是这么多就不做", default=None, minimum=1, maximum=MOST)


class AssignFinding(MeantFindings):
    """Arguments of assign_finding."""

    assignee: str = argument("交给谁：姓名或员工 ID；不填或「我」表示提问者", default="我", max_length=100)


class DecideFindings(MeantFindings):
    """Arguments of decide_findings."""

    decision: Literal[
        "in_progress", "accepted", "false_positive", "under_investigation", "affected", "not_affected", "fixed", "withdraw",
    ] = argument("决定", labels=DECISIONS)  # fmt: skip
    note: str = argument(
        "原因，提问者的原话；接受风险、误报、不受影响、已修复必须有", default="", max_length=500
    )
    until: str = argument(
        "接受风险到哪一天为止，例如 2026-12-31，最长一年；只有接受风险要写", default="", max_length=10
    )
    justification: Literal[
        "component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
    ] | None = argument("不受影响的理由；只有不受影响要写", labels=_JUSTIFICATIONS, default=None)  # fmt: skip


def _meant(
    given: MeantFindings, person: Person | Actor | None, *, decided: bool | None
) -> list[FindingSummary]:
    """The findings that are meant, by their numbers; of a vulnerability or a rule those that are open, with ``decided`` those that are
    decided, and with None these where none is open. Raises InvalidInput for none, too many, or another number than was said; NotFound."""
    words = [word for word in SEPARATORS.split(given.findings) if word]
    if not words:
        raise InvalidInput(f"请写明是哪些发现：编号（例如 F12）、漏洞编号或规则，几个之间用逗号。{_NONE}")
    numbers = [int(code[1]) for word in words if (code := _CODE.fullmatch(word))]
    for number in numbers:
        findings.get(number)
    rows = _narrowed(given, person, ids=tuple(numbers)) if numbers else []
    for word in (word for word in words if not _CODE.fullmatch(word)):
        named: dict[str, Any] = (
            {"vulnerability": word} if VULNERABILITY_ID.fullmatch(word) else {"rule": word}
        )
        found = [] if decided else _narrowed(given, person, **named)
        rows += found or ([] if decided is False else _narrowed(given, person, **named, decided=True))
    unique = list({row.pk: row for row in rows}.values())
    said = f"{'、'.join(plain(word, 40) for word in words[:5])}{' 在 ' + plain(given.asset, 60) + ' 上' if given.asset else ''}"
    if not unique:
        raise InvalidInput(f"{said} 没有{'已经决定的' if decided else '待处理的'}发现。{_NONE}")
    if len(unique) > MOST:
        raise InvalidInput(
            f"{said} 的发现不止 {MOST} 条，一次最多 {MOST} 条：请写明资产，或在网页「发现」里做。{_NONE}"
        )
    if given.count and given.count != len(unique):
        places = "、".join(dict.fromkeys(plain(row.asset.name, 40) for row in unique))
        raise InvalidInput(
            f"您说的是 {given.count} 条，{said} 的发现是 {len(unique)} 条（{places}）。要全部做，请去掉「{given.count} 条」再说一次。{_NONE}"
        )
    return finding_summaries(unique)


def _narrowed(given: MeantFindings, person: Person | Actor | None, **named: Any) -> list[Finding]:
    wanted = FindingFilter(
        overdue=bool(given.overdue),
        due_before=timezone.now() + timedelta(days=given.due_within) if given.due_within else None,
        on=asset_like(person, given.owner, given.environment, given.importance, given.exposed),
        **named,
    )
    rows: list[Finding] = []
    for asset in given.asset.split(","):
        found = findings.matching(replace(wanted, asset=asset)).exclude(state=FindingState.GONE)
        rows += found.select_related(*_WITH).order_by("-priority", "-id")[: MOST + 1]
    return rows


def _told(found: Sequence[FindingSummary]) -> str:
    """Each with its number and whose it is, by what it is of; on core assets and what the internet reaches first, and said."""
    named: dict[str, list[str]] = {}
    assets = {asset.id: asset for asset in covered([each.id for each in found])}
    ranks = {pk: rank for rank, pk in enumerate(assets)}
    for each in sorted(found, key=lambda each: ranks[each.asset.id]):
        about = (
            f"{each.vulnerability or f'「{plain(each.title, 40)}」'}{'（已被利用 KEV）' if each.kev else ''}"
        )
        owner = f"负责人 {plain(each.owner, 40)}" if each.owner else "没有负责人"
        named.setdefault(about, []).append(
            f"{plain(each.asset.name, 60)}（{'，'.join((f'F{each.id}', *assets[each.asset.id].marks))}）{owner}"
        )
    return "；".join(f"{about}：{'、'.join(places)}" for about, places in named.items())


def _codes(found: Sequence[FindingSummary]) -> str:
    return ",".join(f"F{each.id}" for each in found)


def _places(found: Sequence[FindingSummary]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.asset.name for each in found))


def check_assign(given: AssignFinding, person: Person | None) -> ValidatedAction:
    """What is meant, and one person of the staff."""
    found, staff = _meant(given, person, decided=False), colleague(given.assignee, person)
    stored = {"findings": _codes(found), "assignee": staff.staff_id}
    effect = f"把 {len(found)} 条发现交给 {plain(staff.name, 40)}：{_told(found)}"
    return ValidatedAction(stored, effect, _places(found))


def assign(given: AssignFinding, actor: Actor) -> str:
    """Done for a confirmed proposal. Raises Conflict for none."""
    staff = colleague(given.assignee, actor)
    done = resolutions.assign_many([each.id for each in _meant(given, actor, decided=None)], staff, actor)
    return _done(f"已把 {done.done} 条发现交给 {plain(staff.name, 40)}。", done)


def _done(said: str, done: Resolved) -> str:
    left = "".join(f"\n- {number} 条没有做：{why}" for why, number in done.refused.items())
    if not done.done:
        raise Conflict(f"{_NONE}{left}")
    return f"{said}{left}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A decision as the service takes it, and in words."""

    resolution: Resolution
    told: str


def _wanted(given: DecideFindings) -> _Wanted:
    """Raises InvalidInput that says what is missing."""
    decision = "" if given.decision == WITHDRAWN else str(given.decision)
    label = DECISIONS[given.decision]
    if decision in SETTLED and not given.note:
        raise InvalidInput(f"「{label}」要写原因：它会写进每一条的变更历史。{_NONE}")
    until = _until(given.until) if decision == FindingDecision.ACCEPTED else None
    wanted = Resolution(decision, given.note, until, given.justification or "")
    resolutions.check(wanted)
    why = f"，{_JUSTIFICATIONS[given.justification]}" if given.justification else ""
    day = f"，到 {until:%Y-%m-%d} 为止" if until else ""
    note = f"。原因：{plain(given.note, 200)}" if given.note else ""
    return _Wanted(wanted, f"「{label}」{why}{day}{note}")


def _until(text: str) -> datetime:
    """The end of that day."""
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise InvalidInput(
            f"请写接受风险到哪一天为止（最长一年），例如 2026-12-31：到期以后会恢复为待处理。{_NONE}"
        )
    return resolutions.end_of(day)


def check_decide(given: DecideFindings, person: Person | None) -> ValidatedAction:
    """What it is of, what is decided about each now, and what would be."""
    wanted = _wanted(given)
    found = _meant(given, person, decided=True if given.decision == WITHDRAWN else None)
    now = Counter(_state(each) for each in found)
    if all(_is_so(each, wanted.resolution) for each in found):
        raise InvalidInput(f"这 {len(found)} 条发现现在就是「{next(iter(now))}」。{_NONE}")
    before = "、".join(f"{state} {number} 条" for state, number in now.items())
    stored: Mapping[str, Any] = {
        "findings": _codes(found), "decision": given.decision, "note": given.note, "until": given.until, "justification": given.justification,
    }  # fmt: skip
    effect = f"把 {len(found)} 条发现（现在：{before}）标为{wanted.told}\n{_told(found)}"
    if not wanted.resolution.decision:
        effect = f"撤回 {len(found)} 条发现的决定（现在：{before}），恢复为待处理\n{_told(found)}"
    kept = {name: value for name, value in stored.items() if value}
    ids = [each.id for each in found]
    two = of_two(ids, wanted.resolution.decision)
    if two:
        effect = f"{effect}\n其中 {len(two)} 条不能由一个人决定：{SECOND}"
    return ValidatedAction(kept, effect, _places(found), seconded=bool(two))


def _state(each: FindingSummary) -> str:
    return f"{DECISIONS.get(each.decision, OPEN)}{f'到 {timezone.localtime(each.until):%Y-%m-%d}' if each.until else ''}"


def _is_so(each: FindingSummary, wanted: Resolution) -> bool:
    return (each.decision, each.until, each.justification) == (
        wanted.decision,
        wanted.until,
        wanted.justification,
    )


def decide(given: DecideFindings, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed or approved proposal. Raises Conflict for none."""
    wanted = _wanted(given)
    resolution = replace(wanted.resolution, asked_by=origin.asked_by)
    ids = [each.id for each in _meant(given, actor, decided=None)]
    done = resolutions.settle_many(ids, resolution, actor)
    told = f"标为{wanted.told}" if wanted.resolution.decision else "恢复为待处理"
    return _done(f"已把 {done.done} 条发现{told}。", done)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "assign_finding",
        "指派发现",
        "把发现（漏洞、错误配置……）交给一位同事，或由提问者自己处理。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        AssignFinding,
        check_assign,
        assign,
    ),
    action(
        "decide_findings",
        "决定发现",
        "对发现作决定：修复中、接受风险（写明到哪一天）、误报、调查中、不受影响（写明理由）、已修复，或撤回决定；已被利用的，接受风险、误报、不受影响，和核心资产上的接受风险，要另一位审批人同意。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        DecideFindings,
        check_decide,
        act_there=decide,
    ),
)
