"""The demo's firewall: what the demo says is blocked can be taken back there, by two people."""

import asyncio
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bifang.core.database import db
from bifang.core.models import SystemConfig
from deploy.local import preparation
from secops_agent.demo import duty
from secops_agent.models import Action, BlockRecord, Staff
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.approvals import decide
from secops_agent.services.decisions.requests import DecisionRequest
from secops_agent.services.people.staff import find_person
from tests.secops.decisions_aid import REAL
from tests.secops.mcp.aid import carry_out, look, states

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.mark.parametrize("target", sorted(duty.standing()))
def test_a_block_of_the_demo_is_taken_back_on_its_firewall(
    target: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "")
    settings.DATA_DIR = tmp_path
    (tmp_path / "demo.yaml").write_text(preparation.render_demo(), "utf-8")
    call_command("apply_configs", str(tmp_path / "demo.yaml"), stdout=StringIO())
    preparation.load_demo_data(empty=True)
    robot, device = (SystemConfig.objects.get(kind=kind) for kind in ("dingtalk", "mcp"))
    assert Action.objects.exclude(connector_config=device).count() == 0

    async def lift() -> None:
        await look(device)
        assert set((await db.call(states, device)).values()) == {"ready"}
        await db.call(approve, robot, target)
        await carry_out()

    asyncio.run(lift())
    held = json.loads((tmp_path / preparation.FIREWALL).read_text("utf-8"))
    assert set(held) == set(duty.standing()) - {target}
    row = BlockRecord.objects.get(target=target)
    assert (row.state, row.stands) == ("lifted", False), row.proof
    call_command("load_demo", "--clear", stdout=StringIO())
    assert Action.objects.count() == 2, "what people did stays on record"


def approve(robot: SystemConfig, target: str) -> None:
    """The undo, asked by one and approved by another."""
    action = BlockRecord.objects.get(target=target).action
    proposal = undo.request(action.pk, Staff.objects.get(staff_id="zhaoliu"), "admin")
    approver = find_person(preparation.CORPORATION, "wangwu")
    assert approver is not None
    asked = DecisionRequest(
        proposal.code, "approve", approver, robot.pk,
        conversation_id="", is_group=False, through="chat:yes", via="dingtalk",
    )  # fmt: skip
    assert decide(asked, REAL).status == "decided"
