"""An application's secret is changed on the platform while the real worker runs: administrators hear of it, and of the end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from bifang.channels.models import ClientState, ClientStatus, Outage, OutboxRow, State
from simulators.dingtalk.conversations import single_id
from simulators.dingtalk.people import CORP_ID
from tests.acceptance.doors import FeishuStage
from tests.acceptance.worker import ROBOT, STAFF, Stage, open_stage
from tests.databases import Database, Templates
from tests.deadline import wait_until
from tests.feishu_simulator import running_feishu

SPARE, OLD = "dingspare", "the-secret-before"
BROKEN = "报表机器人"
ADMIN = single_id(ROBOT, "manager01")


def parked(name: str) -> bool:
    return ClientState.objects.filter(config__name=name, status=ClientStatus.PARKED).exists()


def endure(minutes: int) -> None:
    """It is seen to be down, and has been so for minutes."""
    rows = Outage.objects.filter(config__name=BROKEN, since__isnull=False)
    wait_until(rows.exists, within=60, what="seen to be down")
    rows.update(since=F("since") - timedelta(minutes=minutes))


def spare_robot(stage: Stage, secret: str) -> dict[str, Any]:
    return stage.robot(name=BROKEN, client_id=SPARE, client_secret=secret, corp_id=CORP_ID)


@pytest.mark.slow
def test_changed_secret_is_told_through_the_other_robot_and_so_is_the_end(database: Database) -> None:
    with open_stage(database) as stage:
        stage.sim.post("/sim/apps", {"client_id": SPARE, "client_secret": OLD})
        stage.apply(stage.robot(corp_id=CORP_ID), spare_robot(stage, OLD), staff=STAFF)
        stage.start()
        stage.sim.wait_connected(SPARE, 60)
        fresh = stage.sim.post(f"/sim/apps/{SPARE}/secret", {})["client_secret"]
        stage.sim.faults(SPARE, disconnect=True)
        wait_until(lambda: parked(BROKEN), within=60, what="refused")
        endure(6)
        (told,) = stage.answers(ADMIN, 1)
        assert f"钉钉机器人「{BROKEN}」没有连上" in told
        assert "凭证错误" in told
        assert "核对 Client ID 和 Client Secret" in told
        for secret in (OLD, fresh):
            assert secret not in told
            assert secret not in stage.log
        stage.apply(spare_robot(stage, fresh))
        stage.sim.wait_connected(SPARE, 60)
        mended = stage.answers(ADMIN, 2)[1]
        assert f"钉钉机器人「{BROKEN}」恢复了" in mended
        assert Outage.objects.filter(since=None).count() == Outage.objects.count()
        told_of = OutboxRow.objects.filter(key__startswith="note:outage:")
        wait_until(lambda: told_of.filter(state=State.DONE).count() == 2, within=30, what="written down")
        assert not stage.heard(client_id=SPARE)
        assert {reply["conversation_id"] for reply in stage.replies()} == {ADMIN}


@pytest.mark.slow
def test_feishu_is_told_of_in_dingtalk(templates: Templates, tmp_path: Path, django_db_blocker: Any) -> None:
    with (
        django_db_blocker.unblock(),
        templates.database("sqlite", tmp_path / "var") as database,
        open_stage(database) as ding,
        running_feishu() as feishu,
    ):
        other = FeishuStage(feishu, database)
        wrong = other.robot(name=BROKEN, client_secret="of-another-application", tenant_key="tenant_1")
        ding.apply(ding.robot(corp_id=CORP_ID), wrong, staff=STAFF)
        ding.start()
        other.start(connected=False)
        try:
            endure(6)
            (told,) = ding.answers(ADMIN, 1)
            assert f"飞书机器人「{BROKEN}」没有连上" in told
            assert "核对 App ID 和 App Secret" in told
            ding.apply(other.robot(name=BROKEN))
            assert f"飞书机器人「{BROKEN}」恢复了" in ding.answers(ADMIN, 2)[1]
        finally:
            other.close()
