"""The scorecard: what was measured, who wrote the set, and 未测 where nothing was; a page, and a file for machines.

A set that strangers wrote and judged is not judged again by a machine: its line repeats the verdicts that stand beside
its sentences, with the day they were given.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.secops.eval.table import Row

NOT_MEASURED: Final = "未测"
OURS: Final = "写语法的人"
STRANGERS: Final = "没看过代码的人写、另外两人评判"
_SETS: Final = Path(__file__).parent
_CLASSES: Final = {
    "question": "提问", "order": "命令", "nothing": "什么都不该做的话", "chatter": "闲聊", "knowledge": "知识问题",
    "dialog": "整段对话",
}  # fmt: skip
_OF_OURS: Final = ("提问", "不可执行的话", "注入")


def scorecard(when: str, rows: Sequence[Row], model: str) -> dict[str, Any]:
    """``{at, model, lines: [{set, written_by, mode, n, measured}]}``; ``measured`` is 未测 or name → value."""
    lines = [_line(row) for row in rows]
    mode = model or "模型"
    missing = [
        each for each in _OF_OURS if (each, mode) not in {(line["set"], line["mode"]) for line in lines}
    ]
    lines += [_told(each, OURS, mode, 0, NOT_MEASURED) for each in missing]
    return {"at": when, "model": model or NOT_MEASURED, "lines": [*lines, *_judged(mode)]}


def page(card: dict[str, Any]) -> list[str]:
    """The card as a table."""
    head = ["| 题 | 谁写的 | 怎么答 | 数 | 量到的 |", "|---|---|---|---|---|"]
    return [f"评分表，{card['at']}；模型：{card['model']}", "", *head, *map(_row, card["lines"])]


def _row(line: dict[str, Any]) -> str:
    measured = line["measured"]
    told = (
        measured
        if isinstance(measured, str)
        else "，".join(f"{name} {_shown(it)}" for name, it in measured.items())
    )
    return f"| {line['set']} | {line['written_by']} | {line['mode']} | {line['n'] or '—'} | {told} |"


def _shown(value: Any) -> str:
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def _line(row: Row) -> dict[str, Any]:
    return _told(row.set, OURS, row.mode, row.size, row.measures())


def _told(what: str, written_by: str, mode: str, size: int, measured: Any) -> dict[str, Any]:
    return {"set": what, "written_by": written_by, "mode": mode, "n": size, "measured": measured}


def _judged(mode: str) -> Iterable[dict[str, Any]]:
    """What strangers wrote: each set's verdicts, by class; with a model nobody has judged them unless a file says so."""
    for path in sorted(_SETS.glob("strangers_*.jsonl")):
        day = path.stem.removeprefix("strangers_").replace("_", "-")
        written = f"{STRANGERS}，{day}"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for name, shown in _CLASSES.items():
            if found := [one["verdicts"] for one in lines if one["class"] == name]:
                yield _told(shown, written, "离线模式", len(found), verdicts(found))
        yield _told("全部", written, mode, len(lines), NOT_MEASURED)


def verdicts(judged: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Shares of utterances by the worst verdict of their turns: 对, 点一下就对, 答错, 做错."""
    worst = Counter(max(each, key="RTHUWA".index) for each in judged)
    total = len(judged)
    return {
        "对": worst["R"] / total, "对或点一下就对": (worst["R"] + worst["T"]) / total, "答错": worst["W"] / total,
        "做错或提议做错": worst["A"],
    }  # fmt: skip
