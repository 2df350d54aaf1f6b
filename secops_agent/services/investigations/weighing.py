"""Weighing: a small table of reasons, added up to a suggested verdict; too little, or too much on both sides, is 证据不足."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from secops_agent.models.choices import Verdict
from secops_agent.services.investigations.checks.base import Signal

ENOUGH: Final = 3  # the least that a suggestion needs …
AHEAD: Final = 2  # … and by how much it leads what speaks for another side
SURE: Final = 5  # a high confidence
DISMISSING: Final = "dismissing"  # 误报 or 正常行为, whichever leads
_MILD: Final = (Verdict.FALSE_POSITIVE.value, Verdict.BENIGN.value)


@dataclass(frozen=True, slots=True)
class Reason:
    """``towards``: a verdict;
    Nothing a source wrote speaks against an attack."""

    label: str
    towards: str
    weight: int


REASONS: Final[Mapping[str, Reason]] = {
    "judged_attack_here": Reason("同一规则在本资产上，人员多数判为真实攻击", Verdict.TRUE_POSITIVE, 4),
    "judged_attack": Reason("同一规则，人员多数判为真实攻击", Verdict.TRUE_POSITIVE, 3),
    "indicator_attack": Reason("同一指标出现在已判为真实攻击的告警里", Verdict.TRUE_POSITIVE, 2),
    "listed_indicator": Reason("指标在导入的情报清单里", Verdict.TRUE_POSITIVE, 2),
    "fitting_exploited": Reason("告警涉及的漏洞没有修复，而且在被利用", Verdict.TRUE_POSITIVE, 3),
    "fitting_flaw": Reason("告警涉及的组件有没修复的漏洞", Verdict.TRUE_POSITIVE, 2),
    "several_rules": Reason("同一资产一天内还有别的严重、高危规则报警", Verdict.TRUE_POSITIVE, 1),
    "wide_indicator": Reason("同一指标一周内出现在多个资产上", Verdict.TRUE_POSITIVE, 1),
    "severity_risen": Reason("级别升高过", Verdict.TRUE_POSITIVE, 1),
    "judged_false_positive_here": Reason(
        "同一规则在本资产上，没有人判为攻击，误报最多", Verdict.FALSE_POSITIVE, 4
    ),
    "judged_false_positive": Reason("同一规则，没有人判为攻击，误报最多", Verdict.FALSE_POSITIVE, 3),
    "judged_benign_here": Reason("同一规则在本资产上，没有人判为攻击，正常行为最多", Verdict.BENIGN, 4),
    "judged_benign": Reason("同一规则，没有人判为攻击，正常行为最多", Verdict.BENIGN, 3),
    "indicator_dismissed": Reason("同一指标的告警几乎都不是攻击", DISMISSING, 1),
    "own_indicator": Reason("指标是我们自己的资产", Verdict.BENIGN, 1),
    "silenced": Reason("有人事先写明原因静默了它", Verdict.BENIGN, 2),
    "asset_changed": Reason("一周内有人改过这个资产", Verdict.BENIGN, 1),
    "recovered": Reason("来源已报告恢复", Verdict.BENIGN, 1),
    "steady_repeats": Reason("多天一直重复，没有升级", DISMISSING, 1),
    "judged_duplicate": Reason("同一规则，人员多数判为重复", Verdict.DUPLICATE, 2),
    "open_twin": Reason("同一规则、同一资产有更早的、没关闭的告警", Verdict.DUPLICATE, 2),
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """``verdict`` "" is 证据不足, with ``confidence`` "". ``signals``: the reasons that hold, the heaviest first."""

    verdict: str
    confidence: str
    signals: tuple[Signal, ...]


def side_of(signal: Signal) -> str:
    """What it speaks for, in a word."""
    towards = REASONS[signal.reason].towards
    return (
        "像攻击"
        if towards == Verdict.TRUE_POSITIVE
        else "可能重复"
        if towards == Verdict.DUPLICATE
        else "不像攻击"
    )


def assess(signals: Iterable[Signal]) -> Assessment:
    """Add up what speaks for each verdict; a reason counts once."""
    found = {each.reason: each for each in signals if each.reason in REASONS}
    told = tuple(sorted(found.values(), key=lambda each: -REASONS[each.reason].weight))
    scores = _scores(told)
    likely = [
        name for name in Verdict.values if _is_likely(name, scores)
    ]  # of two that are equal, the graver
    best = max(likely, key=lambda name: scores[name], default="")
    return Assessment(best, ("high" if scores[best] >= SURE else "medium") if best else "", told)


def _scores(signals: Iterable[Signal]) -> Counter[str]:
    scores: Counter[str] = Counter()
    for each in signals:
        scores[REASONS[each.reason].towards] += REASONS[each.reason].weight
    scores[max(_MILD, key=lambda name: scores[name])] += scores.pop(DISMISSING, 0)
    return scores


def _is_likely(verdict: str, scores: Mapping[str, int]) -> bool:
    """Is it enough, and ahead of what speaks against it? That there is an older one of the kind speaks against nothing,
    and the two ways of being no attack not against each other."""
    against = [Verdict.TRUE_POSITIVE.value] if verdict != Verdict.TRUE_POSITIVE else list(_MILD)
    opposed = max(scores.get(name, 0) for name in against)
    return scores.get(verdict, 0) >= ENOUGH and scores.get(verdict, 0) - opposed >= AHEAD
