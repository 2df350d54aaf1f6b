"""Every sentence that the product tells people to send is sent, where it appeared, and is understood."""

import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from bifang.channels.ports import Suggestion
from bifang.channels.text.verbs import TAPPED
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.agent.trial import Trial
from secops_agent.llm.offline.commands import COMMANDS, render_help
from secops_agent.models import Alert
from secops_agent.services.notifications.delivery import events
from secops_agent.services.notifications.delivery.notices import compose
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.operations import reminders
from tests.secops.decisions_aid import new_agent
from tests.secops.demo_aid import demo, person
from tests.secops.eval.scoring import read_questions
from tests.secops.offline_corpus import FILES, read
from tests.secops.sent_back import (
    CORP,
    NOT_UNDERSTOOD,
    Room,
    filled,
    sentences,
    shape,
    try_all,
)

__all__ = ["demo"]
PROJECT = Path(__file__).resolve().parents[2]

# A question for every tool, and what nobody can understand.
QUESTIONS = (
    "最近24小时有哪些高危告警", "A2", "222这条", "统计本周告警", "有哪些资产", "web-01", "log4j 影响我们哪些机器", "openssl 有漏洞吗",
    "CVE-2021-44228", "影响 CVE-2021-44228", "有哪些高危漏洞", "查一下 203.0.113.45", "勒索病毒怎么处置", "告警 2 怎么处置", "今天的日报",
    "有哪些定时任务", "今天谁值班", "待审批的有哪些", "噪声规则", "调查 A13", "事件列表", "事件 1 进展", "帮助", "你好",
    "认领13", "关闭 13", "关闭 A13", "关闭 13 误报 蓝军测试", "封禁 203.0.113.9 24小时 Log4j 扫描源", "封禁 45.83.64.1 24小时 A2 命令执行的下载源",
    "封禁 45.83.64.1,45.83.64.2 1小时", "封了 203.0.113.9 这个ip", "封 45.83.64.7", "隔离 web-02", "静默它两小时", "把所有端口扫描的告警都关了",
    "每天早上9点发日报", "关闭事件 1", "和李四换班", "asdf", "天气怎么样", "封禁", "/封禁", "/影响", "删除定时任务 9999", "告警 99999",
    "静默 A13 1小时", "确认 A13", "误报 A13", "确认 A13", "指派给我 A14", "关闭 A13 误报",
)  # fmt: skip


@pytest.fixture(autouse=True)
def without_limits() -> Iterator[None]:
    with override_settings(RATE_LIMITS=False):
        yield


@pytest.fixture(params=["dingtalk", pytest.param("feishu", marks=pytest.mark.slow)])
def config(request: pytest.FixtureRequest, demo: Any) -> SystemConfig:
    kind = request.param
    found = SystemConfig.objects.filter(kind=kind, name=f"回话 {kind}").first()
    corporation = {"corp_id": CORP} if kind == "dingtalk" else {"tenant_key": CORP}
    values = {"client_id": f"sentback{kind}", "client_secret": "s" * 20} | corporation
    return found or configs.save(kind, f"回话 {kind}", True, values)[0]


def run(config: SystemConfig, questions: Any, *, is_group: bool) -> Any:
    async def try_them() -> Any:
        agent = new_agent()
        try:
            return await try_all(agent, config, "manager01", questions, is_group=is_group)
        finally:
            await agent.close()

    return asyncio.run(try_them())


# A place of each platform: what a platform and what a group change, they change independently.
PLACES = pytest.mark.parametrize(
    ("config", "is_group"), [("dingtalk", True), ("feishu", False)], indirect=["config"]
)


@pytest.mark.slow
@PLACES
def test_whatever_is_asked_what_is_told_to_send_is_understood(config: SystemConfig, is_group: bool) -> None:
    # What is read is the same everywhere; what Feishu is asked besides is for how it is shown there.
    corpora = [line.text for path in FILES for line in read(path)][::160]
    more = [*(one.text for one in read_questions()), *corpora]
    asked = [*QUESTIONS, *(more if config.kind == "dingtalk" else more[::3])]
    wrong, forms = run(config, asked, is_group=is_group)
    assert not told(wrong)
    assert sum(forms.values()) >= (100 if config.kind == "dingtalk" else 40)


def told(wrong: list[tuple[str, ...]]) -> str:
    """One line for each sentence that was not understood, without what an assertion would cut."""
    lines = [" → ".join(part[:120].replace("\n", " ") for part in one) for one in wrong]
    print("\n".join(lines))
    return f"{len(lines)} not understood" if lines else ""


VALUES: dict[str, Any] = {
    "alert_id": 7, "alert_ids": (7, 9), "offer": "K7M2QX", "other": 9, "case_id": 1, "proposal": "K7M2QX", "swap": "KQJXYZ", "person": "李四", "verdict": "false_positive",
    "note": "蓝军测试", "reason": "蓝军测试", "address": "203.0.113.77", "asset": "web-01", "name": "web-01", "asset_name": "web-01",
    "sentence": "列出资产", "title": "SSH 暴力破解", "path": "references/steps.md", "page": 2,
    "flaw": "CVE-2021-44228", "value": "203.0.113.77", "scope": 7, "length": 60, "when": "每天早上9点", "task": "日报", "task_id": 3,
    "with_alerts": True, "severity": "high", "target": "web-01", "hours": 24, "watch_id": 3, "text": "请看一下", "usage": "/告警 高危 24小时",
    "finding_id": 12, "codes": "F12、F13", "decision": "accepted", "until": "2026-12-31", "status": "contained", "days": "周三", "relieved": "王五", "part": "night",
}  # fmt: skip


def made() -> list[Suggestion]:
    """Every sentence that can be made, with and without what may be left out."""
    constants = [value for value in vars(says).values() if isinstance(value, Suggestion)]
    found = list(constants)
    for name, function in inspect.getmembers(says, inspect.isfunction):
        if name.startswith("_") or name in ("code", "minutes", "order"):
            continue
        given = inspect.signature(function).parameters
        needed = {key: VALUES[key] for key, one in given.items() if one.default is inspect.Parameter.empty}
        whole = {key: VALUES[key] for key in given}
        if name == "close_case":
            needed, whole = needed | {"verdict": "真实攻击"}, whole | {"verdict": "真实攻击"}
        for arguments in (needed, whole):
            result = function(**arguments)
            found += result if isinstance(result, tuple) else [result]
    return list(dict.fromkeys(found))


# Answered by what waits or was listed before, which nothing does here; `test_whatever_is_asked…` sends them where it does.
WAITING = (
    "确认 K7M2QX",
    "同意 ",
    "拒绝 ",
    "取消",
    "全部取消",
    "接受换班 ",
    "不换 ",
    "停止",
    "新对话",
    "更多",
    "关闭 事件",
)


@pytest.mark.slow
@PLACES
def test_every_sentence_that_can_be_made_is_understood(config: SystemConfig, is_group: bool) -> None:
    assert len(made()) > 60

    async def send() -> Any:
        agent = new_agent()
        try:
            room = Room(agent, config, "lisi", f"cid-made-{is_group}", is_group)
            await room.say("最近24小时有哪些告警")
            return await room.send_back("", [str(says.MORE), *map(str, made())])
        finally:
            await agent.close()

    assert not told(asyncio.run(send()))


@pytest.mark.slow
def test_ask_understands_every_sentence_as_the_chat_does(demo: Any) -> None:
    asker = person("manager01")

    async def ask() -> list[tuple[str, str]]:
        trial = Trial(asker)
        try:
            tried = [await trial.ask(filled(str(one))) for one in made() if not str(one).startswith(WAITING)]
        finally:
            await trial.close()
        return [(one.text, one.answer) for one in tried if any(bad in one.answer for bad in NOT_UNDERSTOOD)]

    assert not told(asyncio.run(ask()))


def documented() -> Iterator[str]:
    """What the documents for people and the help text show in the form of something to send."""
    asking = (PROJECT / "docs/asking.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| (?!想知道)[^|]+\|([^|]+)\|$", asking, re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", row)
    for name in (
        "asking",
        "notifications",
        "investigations",
        "connectors",
        "mcp",
        "schedules",
        "skills",
        "reports",
        "triage",
    ):
        yield from sentences((PROJECT / f"docs/{name}.md").read_text(encoding="utf-8"))
    yield from re.findall(r"`(/[^`]+)`", render_help())
    for command in COMMANDS:
        yield from re.findall(r"(/\S+(?: [^，；、 ]+)*)", command.meaning)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["dingtalk"], indirect=True)  # documents name no platform
def test_what_documents_and_help_show_is_understood(config: SystemConfig) -> None:
    shown = [
        one
        for one in dict.fromkeys(documented())
        if not one.startswith(("/执行", "/api", "/mcp", "/admin", "/metrics", "/run"))
    ]
    assert len(shown) > 60

    async def send() -> Any:
        agent = new_agent()
        try:
            room = Room(agent, config, "manager01", "cid-docs")
            await room.say("最近24小时有哪些告警")
            return await room.send_back("文档", shown)
        finally:
            await agent.close()

    assert not told(asyncio.run(send()))


def test_what_messages_and_reminders_tell_to_send_is_understood(config: SystemConfig) -> None:
    going, closed = (
        list(Alert.objects.select_related("assignee").filter(status=status)[:2])
        for status in ("open", "closed")
    )
    notices = [compose([each], facts_of([each]), events.latest([each])) for each in (*going, *closed)]
    texts = [*(each.text for each in notices), reminders._text(going, 9, timezone.now())]
    shown = [str(tap) for each in notices for tap in each.suggestions]
    shown += [one for text in texts for one in sentences(text)]
    assert {shape(one) for one in shown} >= {
        "确认 #",
        "指派给我 #",
        "误报 #",
        "静默 # #小时",
        "查看 #",
        "重新打开 #",
    }

    async def send() -> Any:
        agent = new_agent()
        try:
            return await Room(agent, config, "lisi", "cid-told", True).send_back("通知", shown)
        finally:
            await agent.close()

    assert not told(asyncio.run(send()))


def test_nothing_that_can_be_tapped_decides_for_others() -> None:
    assert not TAPPED.keys() & {
        str(says.Verb.APPROVE),
        str(says.Verb.REJECT),
        str(says.Verb.BLOCK),
        str(says.Verb.ISOLATE),
    }
