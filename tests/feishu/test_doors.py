"""What people do in Feishu is on record as done in Feishu: history, audit and the pages that show them."""

import asyncio
import itertools
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.queues import inbox
from bifang.channels.workers.consumer import Silent
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.models import SystemConfig
from feishu_integration.applications import FeishuDoors
from feishu_integration.handlers.chat import FeishuTurns
from feishu_integration.handlers.intake import read_item
from feishu_integration.stream.client import Pushed
from secops_agent.models import AuditRecord, History, Proposal, ShiftSwap
from secops_agent.services.on_call.schedules import apply_on_call_entries
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.secops.decisions_aid import company, new_agent, some_alert

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")


SAID_MS = 1_764_120_000_000


def message(who: str, text: str) -> Pushed:
    """A private message as Feishu pushes it."""
    number = next(_numbers)
    header = {"event_id": f"e{number}", "event_type": "im.message.receive_v1", "tenant_key": "corp"}
    said = {
        "message_id": f"om_{number}", "chat_id": f"oc_{who}", "chat_type": "p2p", "message_type": "text",
        "content": json.dumps({"text": text}), "create_time": str(SAID_MS + number),
    }  # fmt: skip
    sender = {"sender_id": {"open_id": who}, "sender_type": "user", "tenant_key": "corp"}
    body = {"schema": "2.0", "header": header, "event": {"sender": sender, "message": said}}
    return Pushed(f"m{number}", json.dumps(body).encode())


def talk(config: SystemConfig, who: str, *texts: str) -> list[str]:
    """Somebody says things, one after the other; the first reply to each."""

    async def run() -> list[str]:
        agent, doors = new_agent(), FeishuDoors(ConfigCache())
        turns, told = FeishuTurns(doors, agent), []
        try:
            for text in texts:
                await db.call(inbox.store, [read_item(message(who, text), config.pk)])
                (turn,) = await db.call(inbox.claim, "me", 10)
                result = await turns.handle(turn, Silent())
                await db.call(inbox.finish, [(turn, result)])
                told.append(result.replies[0].text if result.replies else result.note)
            return told
        finally:
            await agent.close()
            await doors.close()

    return asyncio.run(run())


def test_triage_by_chat_is_feishus_in_history_and_audit(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    config, pk = company(kind="feishu"), some_alert()
    answers = talk(
        config, "li", f"确认 A{pk}", "最近有哪些告警", "没用 太长", f"静默 A{pk} 1小时", f"误报 A{pk}"
    )
    assert "已记下" in answers[2]
    changes = History.objects.filter(entity="alert", entity_id=pk, actor_kind="person")
    assert set(changes.values_list("via", flat=True)) == {"feishu"}
    talk(config, "zhao", "封禁 203.0.113.5 一小时")
    talk(config, "wang", f"同意 {Proposal.objects.get().code}")
    start = str(timezone.localdate() - timedelta(days=7))
    given = {"name": "安全值班", "rotation": "daily", "start": start, "staff": ["li", "wang"]}
    apply_on_call_entries([given])
    (asked,) = talk(config, "li", "我和wang先生换明天")
    talk(config, "li", f"确认 {CODE.search(asked)[0]}")  # type: ignore[index]  # no code is a failure
    talk(config, "wang", f"接受换班 {ShiftSwap.objects.get().code}")
    assert AuditRecord.objects.filter(subject__startswith="swap:").count() == 2
    people = AuditRecord.objects.filter(actor_kind="person").exclude(
        kind="tool"
    )  # which the agent called for them
    assert set(people.values_list("kind", flat=True)) >= {"message", "proposal", "approval"}
    assert set(people.values_list("via", flat=True)) == {"feishu"}
    listed = text_of(
        superuser().get(reverse("admin:secops_agent_auditrecord_changelist"), {"actor_kind__exact": "person"})
    )
    assert listed.count("飞书") >= people.count()
    assert "¦ 钉钉 ¦" not in listed


def test_the_platforms_time_of_a_message_is_kept() -> None:
    first, second = (read_item(message("ou_a", "你好"), 1).said_ms for _ in range(2))
    assert SAID_MS < first < second
