"""What was measured, as a table that the documentation can show."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tests.secops.eval.scoring import Score

HEAD: Final = (
    "| 模型 | 题数 | 工具与参数 | 全部正确 | 未标注的编造 | 误操作 | 代码作答 | 秒 p50 / p95 | token/题：输入（缓存）· 输出 | 元/题 |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Row:
    """One model over one set, measured once or several times. ``told``: what was measured without scores."""

    mode: str
    set: str
    runs: Sequence[Sequence[Score]] = ()
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.mode if self.set == "提问" else f"{self.mode}（{self.set}）"

    @property
    def size(self) -> int:
        """Sentences of one run."""
        return len(self.runs[0]) if self.runs else self.told.get("数", 0)

    def measures(self) -> dict[str, float | int]:
        """Name → a share (0.0 to 1.0) or a count, for the scorecard."""
        if not self.runs:
            return {name: value for name, value in self.told.items() if name != "数"}
        shares = {"工具与参数": statistics.fmean(self.right_calls), "全部正确": statistics.fmean(self.right)}
        return {**shares, "未标注的编造": self.invented, "误操作": self.wrong_actions}

    @property
    def right_calls(self) -> list[float]:
        """The share of right tools and arguments, of each run."""
        return [_share(not one.call_faults for one in run) for run in self.runs]

    @property
    def right(self) -> list[float]:
        """The share of answers without any fault, of each run."""
        return [_share(not one.faults for one in run) for run in self.runs]

    @property
    def good(self) -> list[float]:
        """The share of right tools and arguments without an unmarked invention, of each run."""
        return [_share(not one.call_faults and not one.invented for one in run) for run in self.runs]

    @property
    def scores(self) -> list[Score]:
        return [one for run in self.runs for one in run]

    @property
    def wrong_actions(self) -> int:
        return sum(one.wrong_action for one in self.scores)

    @property
    def invented(self) -> int:
        return sum(bool(one.invented) for one in self.scores)

    def line(self) -> str:
        """The row."""
        scores = self.scores
        seconds = sorted(one.answered.seconds for one in scores)
        spent = [one.answered.spent for one in scores]
        given, cached, taken = (
            round(statistics.fmean(getattr(one, name) for one in spent))
            for name in ("given", "cached", "taken")
        )
        costs = [one.cost for one in spent if one.cost is not None]
        cells = [
            self.name, f"{len(self.runs[0])}{f' × {len(self.runs)}' if len(self.runs) > 1 else ''}", _spread(self.right_calls), _spread(self.right),
            str(self.invented), str(self.wrong_actions), f"{_share(one.by_code for one in scores):.0%}",
            f"{_at(seconds, 0.5):.2f} / {_at(seconds, 0.95):.2f}", f"{given}（{cached}）· {taken}" if given else "0",
            f"{sum(costs) / 1e6 / len(scores):.4f}" if costs else "—",
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |"


def told_when() -> str:
    """When, and how busy the machine was."""
    load = "、".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M}，{os.cpu_count()} 核，负载 {load}"


def _share(flags) -> float:  # type: ignore[no-untyped-def]
    told = list(flags)
    return sum(told) / len(told) if told else 1.0


def _spread(shares: Sequence[float]) -> str:
    mean = f"{statistics.fmean(shares):.1%}"
    return f"{mean}（{min(shares):.1%} 至 {max(shares):.1%}）" if len(shares) > 1 else mean


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
