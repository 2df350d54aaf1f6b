"""A real worker whose quotas are used up: people are answered all the same, and the ledger is the simulator's."""

import pytest

from bifang.channels.models import OutboxRow
from dingtalk_integration.models import QuotaState
from dingtalk_integration.quotas.quota import quota_usage
from secops_agent.models import AlertMessage
from secops_agent.services.notifications.rules import apply_rule_entries
from tests.acceptance.worker import NAME, STAFF, open_stage, place
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.quota_aid import custom
from tests.secops.inventory_aid import alert, store

TARGET = {"kind": "group", "config": NAME, "conversation_id": "cidDemoGroup=="}


def used(ledger: str) -> int:
    """Of all that was counted."""
    return sum(one.total for one in quota_usage() if one.ledger == ledger)


@pytest.mark.slow
def test_people_are_answered_when_everything_is_used_up(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(card_template_id="answer.schema", **custom(50, 50)), staff=STAFF)
        apply_rule_entries([{"name": "全部", "targets": [TARGET]}])
        stage.sim.faults(openapi_quota=True)
        stage.start(BIFANG_RATE_LIMITS="on")
        where = place()
        stage.say("有哪些告警", where, "lisi")
        (reply,) = stage.wait_replies(1, conversation_id=where)
        assert reply["route"] == "webhook"
        store(alert("high"))
        wait_until(
            lambda: AlertMessage.objects.filter(state="held", reason__startswith="额度").exists(),
            within=30, what="held back",
        )  # fmt: skip
        wait_until(lambda: "钉钉已拒绝" in stage.log, within=30, what="told in the log")

        stage.sim.faults(over_quota={"value": True, "times": 1})
        stage.say("听得到吗", where, "lisi")
        stage.wait_replies(2, conversation_id=where)
        wait_until(
            lambda: QuotaState.objects.filter(ledger="messages", refused_at__isnull=False).exists(),
            within=30, what="messages known to be used up",
        )  # fmt: skip
        stage.say("现在呢", where, "lisi")
        stage.wait_replies(3, conversation_id=where)
        wait_until(
            lambda: not QuotaState.objects.filter(ledger="messages", refused_at__isnull=False).exists(),
            within=30, what="messages known to come again",
        )  # fmt: skip
        wait_until(
            lambda: used("messages") == stage.sim.state()["metered"]["messages"], within=30, what="messages"
        )
        wait_until(
            lambda: used("calls") == stage.sim.state()["metered"].get("calls", 0), within=30, what="calls"
        )
        assert not OutboxRow.objects.filter(inbox__isnull=False, state="dead").exists()
