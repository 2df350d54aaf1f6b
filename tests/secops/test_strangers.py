"""What a stranger's questions were answered with, where a stranger judged it right, or where a fault was mended since: it stays so.

Of a line of the sets ``got`` is what was called when the strangers judged, ``now`` what the mended turns call (null: not looked at).
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from secops_agent.agent.trial import Dialog, Trial
from tests.secops.demo_aid import demo, person

__all__ = ["demo"]
SETS = sorted((Path(__file__).parent / "eval").glob("strangers_*.jsonl"))
# Arguments that follow the clock: 11月 is this month or the last, and a week has fewer days each day.
CLOCK = (
    "since_hours",
    "until_hours",
    "at",
    "period",
    "due_within",
    "minutes",
    "other_since_hours",
    "other_until_hours",
)
# Turns that the trained ranker lost: their lines keep the right call.
LOST_RIGHT, LOST_MENDED = 8, 9  # one of them is asked back instead


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for path in SETS for line in path.read_text(encoding="utf-8").splitlines()]


def questions() -> list[dict[str, Any]]:
    return [one for one in lines() if one["class"] == "question" and one["verdicts"] == ["R"]]


def steady(call: list[Any]) -> Any:
    return call[0], {name: value for name, value in call[1].items() if name not in CLOCK}


async def ask(asker: Any, dialogs: list[tuple[list[str], list[Any]]]) -> list[tuple[str, Any, Any]]:
    """Each turn with what it should call and what it calls: that, if it is one of what its parts call."""
    trial, found = Trial(asker), []
    try:
        for turns, wanted in dialogs:
            dialog = Dialog()
            for text, want in zip(turns, wanted, strict=False):
                tried, dialog = await trial.turn(dialog, text)
                if want is not None:
                    calls = [steady([one["tool"], one["arguments"]]) for one in tried.calls]
                    last = steady([tried.tool, tried.arguments])
                    found.append((text, steady(want), steady(want) if steady(want) in calls else last))
    finally:
        await trial.close()
    return found


@pytest.mark.slow
@override_settings(RATE_LIMITS=False)
def test_questions_that_were_answered_right_are_still(demo: Any) -> None:
    asked = []
    for asker in ("lisi", "zhaoliu"):
        own = [one for one in questions() if one.get("as", "lisi") == asker]
        asked += asyncio.run(ask(person(asker), [(one["turns"], one.get("now", one["got"])) for one in own]))
    assert len(asked) > 40
    lost = [one for one in asked if one[1] != one[2]]
    assert len(lost) <= LOST_RIGHT, "\n" + "\n".join(map(str, lost))


@override_settings(RATE_LIMITS=False)
def test_turns_that_were_mended_stay_so(demo: Any) -> None:
    mended = [(one["turns"], one["now"]) for one in lines() if "now" in one]
    asked = asyncio.run(ask(person("zhaoliu"), mended))
    assert len(asked) > 35
    lost = [one for one in asked if one[1] != one[2]]
    assert len(lost) <= LOST_MENDED, "\n" + "\n".join(map(str, lost))


LOG = "Dec 1 13:30:16 jump-01 sshd[20311]: Failed password for admin from 203.0.113.77 port 51514 ssh2"
# What strangers said, in words of ours: which of these tools must be called, with these arguments (None: without it).
REWORDED: list[tuple[str, str, dict[str, Any]]] = [
    ("手头还剩几条没弄完", "list_alerts", {"keyword": "zhaoliu", "status": "unclosed"}),
    ("手里还压着几个", "list_alerts", {"keyword": "zhaoliu"}),
    ("名下还有多少没关的", "list_alerts", {"keyword": "zhaoliu", "status": "unclosed"}),
    ("手头超时的有哪些", "list_alerts", {"keyword": "zhaoliu", "due": "overdue"}),
    ("李四手上还有几个没弄完", "list_alerts", {"keyword": "李四"}),
    ("谁手上最多", "alert_statistics", {"group_by": "assignee"}),
    ("堡垒机今天报了啥", "list_alerts", {"asset": "jump-01"}),
    ("跳板机有哪些告警", "list_alerts", {"asset": "jump-01"}),
    ("跳板机谁的", "get_asset", {"asset": "jump-01"}),
    ("文件服务器啥情况", "get_asset|list_alerts", {"asset": "file-01"}),
    ("203.0.113.5 还 block 着吗", "list_blocks", {"target": "203.0.113.5"}),
    ("192.0.2.44 是不是已经放出来了", "list_blocks", {"target": "192.0.2.44"}),
    ("file01 放出来没", "list_blocks", {"target": "file-01"}),
    ("k8snode1网断了吗", "list_blocks", {"target": "k8s-node-1"}),
    ("二百七十二号是咋回事", "get_alert", {"alert_id": 272}),
    ("二九七号那条谁在弄", "get_alert", {"alert_id": 297}),
    ("支付一整套没人管的有哪些", "list_alerts", {"asset": "pay*", "unassigned": True}),
    ("最快要超时的是哪个", "list_alerts", {"due": "in_time", "order": "due", "limit": 1}),
    ("李四名下没爆 sla 的", "list_alerts", {"due": "in_time", "keyword": "李四"}),
    ("jump-01 有没有超时的", "list_alerts", {"due": "overdue"}),
    ("快超时的排前面", "list_alerts", {"order": "due", "due": None}),
    ("高危还没人 ack 的几条", "list_alerts", {"severity": "high", "status": "open"}),
    ("哪些洞还没 fix 可用", "list_vulnerabilities", {"fix_available": False}),
    ("昨天有没有 webshel", "list_alerts", {"keyword": "WebShell"}),
    ("有没有websell告警", "list_alerts", {"keyword": "WebShell"}),
    ("最近有 phising 告警吗", "list_alerts", {"keyword": "钓鱼"}),
    ("btw 今天高危几条", "list_alerts", {"severity": "high"}),
    ("sorry 再问下 现在谁值班", "who_is_on_call", {}),
    ("邮件服务器怎么样了", "get_asset|list_alerts", {"asset": "mail-01"}),
    ("openssl 还有哪几台没打补丁", "list_vulnerabilities", {"keyword": "openssl", "group_by": "asset"}),
    ("昨天 jump-01 那条异地登录是谁关的", "list_alerts", {"asset": "jump-01", "status": "closed"}),
    ("支付那几台错误率告警是谁在跟", "alert_statistics", {"status": "unclosed", "group_by": "assignee"}),
    ("203.0.113.9 前几天封过的 现在还封着吗", "list_blocks", {"target": "203.0.113.9"}),
    ("203.0.113.5 打过 web-01 吗", "list_alerts", {"asset": "web-01", "keyword": "203.0.113.5"}),
    ("file-01 那个事儿搞完没", "list_cases", {"keyword": "file-01"}),
    ("暴力破解那件事进展咋样", "list_cases", {"keyword": "暴力破解"}),
    ("heartbleed 影响几台 其中生产的有哪些", "affected_assets", {"environment": "生产"}),
    ("CVE-2021-44228 有几台中了，里面核心的有几台", "affected_assets", {"importance": "critical"}),
    (
        "十点要跟副总汇报，现在还有多少条严重的没关",
        "list_alerts",
        {"severity": "critical", "status": "unclosed"},
    ),
    (f"{LOG} 这个封了吗", "list_blocks", {"target": "203.0.113.77"}),
    (f"{LOG} 这源打过别的机器没", "lookup_indicator", {"value": "203.0.113.77"}),
    (f"{LOG} 对应哪条告警", "list_alerts", {"asset": "jump-01", "status": "all"}),
    (LOG, "list_alerts", {"asset": "jump-01", "keyword": "203.0.113.77"}),
]


@override_settings(RATE_LIMITS=False)
def test_what_strangers_said_is_understood_in_other_words(demo: Any) -> None:
    asked = asyncio.run(
        ask(person("zhaoliu"), [([said], [[tool, wanted]]) for said, tool, wanted in REWORDED])
    )
    wrong = [
        (said, got)
        for (said, _, got), (_, tool, wanted) in zip(asked, REWORDED, strict=True)
        if got[0] not in tool.split("|") or any(got[1].get(name) != value for name, value in wanted.items())
    ]
    assert not wrong, "\n" + "\n".join(map(str, wrong))


# Not our data, however near the words are; and what is set here, which is no list.
NO_LOOK_UP = {
    "大盘今天收多少点": "这个我答不上来", "翻成英文：我们正在排查，30分钟内更新进展": "这个我答不上来", "帮我写首诗 祝李四生日快乐 七言的": "",
    "高危的我们规定是多久要处理完": "规定的处理时限", "严重告警的处理时限是多少": "严重：告警 4 小时内", "高危漏洞修复时限几天": "漏洞 30 天内",
    "等保三级对日志留存要求是多久": "通用知识",
}  # fmt: skip


@override_settings(RATE_LIMITS=False)
def test_what_asks_for_no_data_looks_nothing_up(demo: Any) -> None:
    trial = Trial(person("zhaoliu"))

    async def tried() -> list[Any]:
        try:
            return [await trial.ask(said) for said in NO_LOOK_UP]
        finally:
            await trial.close()

    for found, told in zip(asyncio.run(tried()), NO_LOOK_UP.values(), strict=True):
        assert (found.tool, told in found.answer) == (None, True), found


@override_settings(RATE_LIMITS=False)
def test_an_order_that_has_no_line_of_its_own_is_asked_back(demo: Any) -> None:
    asker = person("zhaoliu")

    async def held() -> Any:
        trial = Trial(asker)
        try:
            return (await trial.turn(Dialog(), "勒索的归E2"))[0]
        finally:
            await trial.close()

    tried = asyncio.run(held())
    assert (tried.tool, tried.status) == ("list_alerts", "asked_back")
