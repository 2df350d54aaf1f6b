"""CVSS vectors in words: versions 2.0, 3.x and 4.0, as FIRST publishes them."""

from collections.abc import Iterable, Mapping
from typing import Final

from secops_agent.services.records import Cvss

_NONE_TO_HIGH: Final = {"N": "没有", "L": "低", "H": "高"}
_IMPACT: Final = {"N": "没有", "L": "低", "P": "部分", "H": "高", "C": "全部"}
# metric → (name, value → word); a metric has the same meaning in every version that has it, unless said.
_METRICS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "AV": ("从哪里攻击", {"N": "网络（远程）", "A": "相邻网络", "L": "本机", "P": "要碰到设备"}),
    "AC": ("攻击难度", {"L": "低", "M": "中", "H": "高"}),
    "AT": ("前提条件", {"N": "没有", "P": "需要特定条件"}),
    "PR": ("需要的权限", {"N": "不需要", "L": "普通用户", "H": "管理员"}),
    "Au": ("需要登录", {"N": "不需要", "S": "一次", "M": "多次"}),
    "UI": ("需要用户操作", {"N": "不需要", "R": "需要", "P": "需要（被动）", "A": "需要（主动）"}),
    "S": ("影响范围", {"U": "只在本组件", "C": "越出本组件"}),
    "C": ("机密性影响", _IMPACT), "I": ("完整性影响", _IMPACT), "A": ("可用性影响", _IMPACT),
    "VC": ("机密性影响", _NONE_TO_HIGH), "VI": ("完整性影响", _NONE_TO_HIGH), "VA": ("可用性影响", _NONE_TO_HIGH),
    "SC": ("后续系统机密性影响", _NONE_TO_HIGH), "SI": ("后续系统完整性影响", _NONE_TO_HIGH),
    "SA": ("后续系统可用性影响", _NONE_TO_HIGH),
}  # fmt: skip


def parse(vector: str) -> dict[str, str]:
    """{"AV": "N", …} of what it has that we know; {} for what is no vector."""
    pairs = (part.partition(":") for part in vector.split("/"))
    return {name: value for name, _, value in pairs if name in _METRICS and value in _METRICS[name][1]}


def explain(vector: str) -> tuple[tuple[str, str, str], ...]:
    """(metric and value, its name, its value in words) of each, in the order of the vector."""
    return tuple(
        (f"{name}:{value}", _METRICS[name][0], _METRICS[name][1][value])
        for name, value in parse(vector).items()
    )


def telling(values: Iterable[Cvss]) -> Cvss | None:
    """The one to explain: with a vector, else any; of the newest version; the highest score."""
    return max(values, key=lambda each: (bool(parse(each.vector)), each.version, each.score), default=None)
