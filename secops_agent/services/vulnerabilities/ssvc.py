"""SSVC: how soon something must be dealt with, by the decision of CISA's tree, and what each of its points rests on.

The tree is "CISA Coordinator" 2.0.3 (cisa.gov/ssvc; CERT/CC publishes it as data/csv/cisa/cisa_coordinator_2_0_3.csv),
Technical Impact from a CVSS vector is CERT/CC's cvssv4_to_technical_impact_1_0_0.csv, Mission & Well-being is
mission-and-well-being_v1.csv of the same place. Only how we fill in the points is our own, and is said with each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from secops_agent.models.choices import Importance
from secops_agent.services.records import Cvss
from secops_agent.services.vulnerabilities import cvss as vectors

Verdict = Literal["track", "track*", "attend", "act"]
LABELS: Final[Mapping[Verdict, str]] = {
    "track": "跟踪", "track*": "重点跟踪", "attend": "尽快处理", "act": "立即处理",
}  # fmt: skip
MEANINGS: Final[Mapping[Verdict, str]] = {
    "track": "按平常的更新周期修复。", "track*": "按平常的更新周期修复，同时留意它的变化。",
    "attend": "比平常的更新周期更早修复，让负责人知道。", "act": "马上处理，让管理层知道。",
}  # fmt: skip
_COLUMNS: Final = ("low", "medium", "high")
# (exploitation, automatable, technical impact) → the decision for a mission & well-being of low, medium, high.
TREE: Final[Mapping[tuple[str, str, str], tuple[Verdict, Verdict, Verdict]]] = {
    ("none", "no", "partial"): ("track", "track", "track"),
    ("none", "no", "total"): ("track", "track", "track*"),
    ("none", "yes", "partial"): ("track", "track", "attend"),
    ("none", "yes", "total"): ("track", "track", "attend"),
    ("poc", "no", "partial"): ("track", "track", "track*"),
    ("poc", "no", "total"): ("track", "track*", "attend"),
    ("poc", "yes", "partial"): ("track", "track", "attend"),
    ("poc", "yes", "total"): ("track", "track*", "attend"),
    ("active", "no", "partial"): ("track", "track", "attend"),
    ("active", "no", "total"): ("track", "attend", "act"),
    ("active", "yes", "partial"): ("attend", "attend", "act"),
    ("active", "yes", "total"): ("attend", "act", "act"),
}
# (privileges, confidentiality, integrity) that make it total; everything else is partial.
_TOTAL: Final = frozenset(
    {("H", "H", "H"), ("L", "H", "H"), ("N", "H", "H"), ("N", "H", "L"), ("N", "L", "H")}
)
_AS_V3: Final = {"P": "L", "C": "H"}  # impacts of version 2
_AUTHENTICATION: Final = {"N": "N", "S": "L", "M": "H"}
# importance → (mission prevalence, public well-being, what the tree's table makes of both)
_MISSION: Final[Mapping[str, tuple[str, str, str]]] = {
    "critical": ("必不可少", "明显", "high"), "high": ("支撑", "明显", "medium"),
    "medium": ("支撑", "很小", "medium"), "low": ("很小", "很小", "low"), "info": ("很小", "很小", "low"),
}  # fmt: skip
LIKELY: Final = 0.1  # from this EPSS on we take it that code to exploit it is about
_EXPLOITATION: Final = {"none": "没有迹象", "poc": "可能有利用代码", "active": "已被利用"}
_YES: Final = {"yes": "可以", "no": "不可以"}
_IMPACT: Final = {"total": "完全控制", "partial": "部分"}
_HARM: Final = {"low": "低", "medium": "中", "high": "高"}


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """One point of the tree: what it is set to, in its word and in ours, and why."""

    name: str
    value: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The decision, and its four points in the order of the tree."""

    decision: Verdict
    points: tuple[DecisionPoint, ...]

    @property
    def label(self) -> str:
        """跟踪 … 立即处理."""
        return LABELS[self.decision]

    @property
    def meaning(self) -> str:
        """What to do, in a sentence."""
        return MEANINGS[self.decision]


def advise(scores: Iterable[Cvss], *, kev: bool, epss: float | None, importance: str) -> Advice:
    """``importance`` is that of the asset (of several: the greatest), "" unknown."""
    told = vectors.telling(scores)
    metrics = vectors.parse(told.vector) if told else {}
    points = (_exploitation(kev, epss), _automatable(metrics), _impact(metrics), _mission(importance))
    exploitation, automatable, impact, harm = (each.value for each in points)
    return Advice(TREE[exploitation, automatable, impact][_COLUMNS.index(harm)], points)


def _exploitation(kev: bool, epss: float | None) -> DecisionPoint:
    if kev:
        value, reason = "active", "收录在 CISA 已被利用漏洞（KEV）里"
    elif epss is not None and epss >= LIKELY:
        value, reason = "poc", f"EPSS {epss:.1%}，达到 {LIKELY:.0%}：按已有利用代码处理"
    elif epss is not None:
        value, reason = "none", f"不在 KEV 里，EPSS {epss:.1%}，低于 {LIKELY:.0%}"
    else:
        value, reason = "none", "不在 KEV 里，没有 EPSS"
    return DecisionPoint("利用情况", value, _EXPLOITATION[value], reason)


def _automatable(metrics: Mapping[str, str]) -> DecisionPoint:
    name = "能否自动化攻击"
    if not metrics:
        return DecisionPoint(name, "yes", _YES["yes"], "没有 CVSS 向量，按最坏的情况算")
    wanted = {"AV": "N", "AC": "L", "PR": "N", "Au": "N", "UI": "N", "AT": "N"}
    against = [f"{key}:{metrics[key]}" for key, good in wanted.items() if metrics.get(key, good) != good]
    if against:
        return DecisionPoint(name, "no", _YES["no"], f"CVSS 向量里有 {'、'.join(against)}")
    return DecisionPoint(name, "yes", _YES["yes"], "远程、难度低、不需要权限和用户操作（CVSS 向量）")


def _impact(metrics: Mapping[str, str]) -> DecisionPoint:
    name = "技术影响"
    if not metrics:
        return DecisionPoint(name, "total", _IMPACT["total"], "没有 CVSS 向量，按最坏的情况算")
    privileges = metrics.get("PR") or _AUTHENTICATION.get(metrics.get("Au", ""), "N")
    harmed = tuple(metrics.get(f"V{key}", metrics.get(key, "N")) for key in "CI")
    plain = tuple(_AS_V3.get(each, each) for each in harmed)
    value = "total" if (privileges, *plain) in _TOTAL else "partial"
    words = {"N": "没有", "L": "低", "H": "高"}
    reason = f"机密性影响：{words[plain[0]]}，完整性影响：{words[plain[1]]}（CVSS 向量）"
    return DecisionPoint(name, value, _IMPACT[value], reason)


def _mission(importance: str) -> DecisionPoint:
    prevalence, well_being, value = _MISSION[importance or Importance.MEDIUM]
    told = f"资产重要性「{Importance(importance).label}」" if importance else "资产没有登记重要性，按「中」算"
    return DecisionPoint(
        "业务与公众影响", value, _HARM[value], f"{told}（对业务{prevalence}，对公众的影响{well_being}）"
    )
