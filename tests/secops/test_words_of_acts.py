"""One word for each act: history, pages, chat, notifications, tools and API say the same."""

import re
from pathlib import Path

import pytest

from secops_agent.services.alerts import batches, orders
from secops_agent.services.audit.history import ACTIONS
from secops_agent.services.notifications.delivery import events
from secops_agent.tools.registry import DEFINITIONS

HOUSE = Path(__file__).parents[2]
# Act → what else people call it. Understanding people takes all of them; nothing that we say does.
OTHERS = {
    "acknowledge": "接手|认领",
    "undo": "撤销刚才的操作|回退",
    "reopen": "重开",
    "unassign": "取消分配",
    "update": "更新(?=了?告警|了?资产|了?事件)",
}
# What a process takes over is no act on an alert; what people type is read, not said.
NO_ACT = re.compile(r"进程|服务在运行|令牌过期")
UNDERSTANDS = (
    "secops_agent/llm/offline/",
    "secops_agent/agent/acting/orders.py",
    "secops_agent/agent/turn/grounding.py",
)
TOLD = re.compile(r'"[^"\n]*"|>[^<\n]*<')


def test_every_table_of_acts_takes_its_words_from_one() -> None:
    for table in (batches.ACTS, events.DEEDS):
        assert table.items() <= ACTIONS.items()
    words = orders.WORDS
    assert (words["acknowledge"], words["reopen"], words["undo"]) == (
        ACTIONS["acknowledge"], ACTIONS["reopen"], ACTIONS["undo"],
    )  # fmt: skip
    assert words["hand_back"] == ACTIONS["unassign"]
    titles = {each.name: each.title for each in DEFINITIONS}
    for act, tool in (
        ("acknowledge", "acknowledge_alert"),
        ("assign", "assign_alert"),
        ("close", "close_alert"),
    ):
        assert titles[tool].startswith(ACTIONS[act])


def _said() -> list[tuple[str, str]]:
    """(file, text) of everything that may be shown: literals of the code, templates."""
    files = [
        each
        for top in ("secops_agent", "bifang")
        for ending in ("py", "html")
        for each in (HOUSE / top).rglob(f"*.{ending}")
    ]
    names = ((each, each.relative_to(HOUSE).as_posix()) for each in files)
    return [
        (name, text)
        for each, name in names
        if "/migrations/" not in name and not name.startswith(UNDERSTANDS)
        for text in TOLD.findall(each.read_text())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("act", OTHERS)
def test_nothing_that_is_shown_calls_an_act_otherwise(act: str) -> None:
    other = re.compile(OTHERS[act])
    found = [(name, text) for name, text in _said() if other.search(text) and not NO_ACT.search(text)]
    assert found == []
