"""Acting by the real command: a block that a firewall carries out and takes back, a watch, a message to who is on call."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.connectors.tool_checks import check
from secops_agent.models import ACTION_OPEN, Action, BlockRecord, Staff
from secops_agent.services.decisions.ledger import batches
from simulators.dingtalk.conversations import single_id
from tests.acceptance.doors import FeishuStage, open_feishu
from tests.acceptance.processes import Started
from tests.acceptance.worker import ROBOT, STAFF, Stage, kill, open_stage
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.slow
GROUP = "cidDemoGroup=="
CODE = re.compile(r"(?:同意|确认) ([A-Z][A-Z2-9]{5})")  # another one may be named before: whose undoing it is
IP = "203.0.113.5"
PEOPLE = (
    *STAFF,
    {"staff_id": "wangwu", "name": "王五", "role": "approver"},
    {"staff_id": "zhaoliu", "name": "赵六", "role": "responder"},
)
ROTA = {"name": "安全值班", "rotation": "weekly", "start": "2026-01-05", "staff": ["wangwu"]}
FIREWALL = {
    "kind": "mcp",
    "name": "边界防火墙",
    "tools": {
        "get_rules": "read",
        "block_address": {"class": "dangerous", "verify": "get_rules", "undo": "unblock_address"},
        "unblock_address": {"class": "write", "verify": "get_rules"},
    },
    "actions": {
        "block_ip": {"tool": "block_address", "arguments": {"address": "ip", "minutes": "duration_minutes"}}
    },
}


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(made.robot(notifications_enabled=True, ai_config=""), staff=PEOPLE, on_call=[ROTA])
        yield made


def ask(stage: Stage, who: str, text: str) -> str:
    """Said to the robot alone; the answer."""
    where = f"oc_{who}" if isinstance(stage, FeishuStage) else own(who)
    said = stage.say(text, where, who, group=False)

    def answers() -> list[str]:  # what is told beside them comes in the same chat
        return [one["text"] for one in stage.replies(conversation_id=where) if one["msg_id"] == said]

    return "\n".join(wait_until(answers, within=60, what=text))


def own(who: str) -> str:
    return single_id(ROBOT, who)


def code_in(text: str) -> str:
    found = CODE.search(text)
    assert found, text
    return found[1]


def firewall(stage: Stage, tmp_path: Path) -> Started:
    """A real process, looked at by us as an administrator does."""
    command = (sys.executable, "-u", "-m", "simulators.firewall", "--port", "0")
    started = Started(command, stage.environment(), tmp_path / "firewall")
    stage.workers.append(started)
    url = wait_until(lambda: re.search(r"http://\S+/mcp", started.text), within=60, what="the firewall")[0]
    stage.apply({**FIREWALL, "url": url})
    asyncio.run(check(configs.load(SystemConfig.objects.current().get(name=FIREWALL["name"]))))
    return started


@pytest.fixture(params=["dingtalk", "feishu"])
def either(request: Any, database: Database) -> Iterator[Stage]:
    with open_stage(database) if request.param == "dingtalk" else open_feishu(database) as made:
        made.patient = True
        made.apply(made.robot(ai_config=""), staff=PEOPLE)
        yield made


def test_a_block_is_done_told_and_taken_back_each_by_two_people(either: Stage, tmp_path: Path) -> None:
    stage = either
    firewall(stage, tmp_path)
    stage.start()
    assert "现在没有被封禁" in ask(stage, "lisi", f"{IP} 封了吗")
    code = code_in(ask(stage, "zhaoliu", f"封禁 {IP} 2小时 原因：扫描"))
    assert "封禁等待审批" in ask(stage, "lisi", f"{IP} 封了吗")
    ask(stage, "zhaoliu", f"同意 {code}")
    ask(stage, "wangwu", f"同意 {code}")
    wait_until(lambda: Action.objects.filter(state="done").count() == 1, within=60, what="the block")
    said = ask(stage, "lisi", f"{IP} 封了吗")
    for part in (f"{IP}：封禁中", "提出 赵六、批准 王五", "设备 边界防火墙", "理由：扫描"):
        assert part in said, said
    back = code_in(ask(stage, "zhaoliu", f"解封 {IP} 原因：误封"))
    ask(stage, "zhaoliu", f"同意 {back}")
    assert Action.objects.count() == 1
    ask(stage, "wangwu", f"同意 {back}")
    wait_until(lambda: Action.objects.filter(state="done").count() == 2, within=60, what="the end of it")
    assert "结果里已没有 203.0.113.5" in Action.objects.get(undo_of__isnull=False).result
    said = ask(stage, "lisi", f"{IP} 封了吗")
    assert "现在没有被封禁" in said
    assert "已解除" in said
    assert "现在没有封禁" in ask(stage, "zhaoliu", f"解封 {IP}")


def approved(stage: Stage, ips: list[str], minutes: int) -> None:
    """Blocks that one person asks for on the page of the ledger, and another approves in the chat."""
    asker = Staff.objects.get(staff_id="zhaoliu")
    asked = batches.request(batches.plan_blocks(" ".join(ips), minutes, "扫描"), asker, "admin")
    ask(stage, "wangwu", f"同意 {asked.code}")


def rules_told(stage: Stage) -> str:
    """What the firewall has, as it was answered; beside it results are told."""
    heard = [reply["text"] for reply in stage.replies(conversation_id=own("zhaoliu"))]
    return next((text for text in heard if f"**{FIREWALL['name']}** get_rules" in text), "")


@pytest.mark.parametrize("step", ["batch", "extension", "limit"])
def test_a_worker_killed_while_it_acts_leaves_nothing_open_and_calls_nothing_twice(
    stage: Stage, tmp_path: Path, step: str
) -> None:
    firewall(stage, tmp_path)
    worker = stage.start()
    ips = [f"203.0.113.{number}" for number in range(1, 31 if step == "batch" else 2)]
    if step != "batch":
        approved(stage, ips, 60)
        wait_until(lambda: BlockRecord.objects.filter(state="active").exists(), within=60, what="the block")
    before = Action.objects.count()
    if step == "limit":
        BlockRecord.objects.update(due_at=timezone.now(), until=timezone.now())
    else:
        approved(stage, ips, 600)
    ordered = Action.objects.filter(state__in=("calling", "done"))
    wait_until(lambda: ordered.count() > before, within=60, what="the first of them")
    kill(worker)
    Action.objects.filter(state__in=("claimed", "calling")).update(claimed_until=timezone.now())
    stage.start()
    wait_until(lambda: not Action.objects.filter(state__in=ACTION_OPEN).exists(), within=90, what="an end")
    assert Action.objects.count() == before + len(ips)
    cut = Action.objects.filter(state="unknown").count()  # nobody knows: not called again, left to a person
    rows = Counter(BlockRecord.objects.values_list("state", flat=True))
    over, doubt = {
        "batch": ("active", "unknown"),
        "extension": ("active", "unknown"),
        "limit": ("expired", "lifting"),
    }[step]
    assert rows[over] + rows[doubt] >= len(ips)
    assert rows[doubt] == cut
    stage.say(f"/执行 {FIREWALL['name']} get_rules", own("zhaoliu"), "zhaoliu")
    said = wait_until(lambda: rules_told(stage), within=60, what="the rules")
    for row in BlockRecord.objects.exclude(state__in=("unknown", "lifting", "extended")):
        assert (f"{row.target}，" in said) is (row.state == "active"), (row.target, said)


def test_what_is_watched_is_told_where_it_was_asked_for(stage: Stage) -> None:
    now = timezone.now()
    file = host("file-01", "10.0.0.9")
    store(file, at=now)
    stage.start()
    ask(stage, "lisi", f"确认 {code_in(ask(stage, 'lisi', '盯着 file-01，有新告警告诉我'))}")
    before = len(stage.replies(conversation_id=own("lisi")))
    store(
        alert("勒索", at=now, assets=(file,)),
        alert("别处", at=now, assets=(host("web-09"),)),
        at=now,
        announce=True,
    )
    told = stage.wait_replies(before + 1, conversation_id=own("lisi"))[before:]
    assert "规则 勒索" in told[0]["text"]
    many: list[Any] = [alert(f"k{n}", at=now, assets=(file,), rule_name="端口扫描") for n in range(40)]
    store(*many, at=now, announce=True)
    stage.settle()
    shown = [one["text"] for one in stage.replies(conversation_id=own("lisi"))[before:]]
    assert len(shown) <= 13, shown
    assert not any("别处" in text for text in shown)
    assert "file-01" in ask(stage, "lisi", "有哪些定时任务")


def test_a_message_reaches_who_is_on_call_in_private(stage: Stage) -> None:
    stage.start()
    asked = ask(stage, "lisi", "转告 值班 file-01 疑似勒索，请先看")
    assert "王五（安全值班现在值班" in asked
    assert stage.replies(conversation_id=own("wangwu")) == []
    ask(stage, "lisi", f"确认 {code_in(asked)}")
    (told,) = stage.wait_replies(1, conversation_id=own("wangwu"))
    assert "**李四** 请毕方转告您" in told["text"]
    assert "file-01 疑似勒索，请先看" in told["text"]
    assert stage.replies(conversation_id=GROUP) == []
