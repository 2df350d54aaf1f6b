"""Groups are learned from people of the own corporation, and written down once an hour."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bifang.channels import known_groups
from bifang.channels.models import KnownGroup
from bifang.channels.ports import ReplyTarget, Turn, TurnResult
from bifang.core.configuration.config_cache import ConfigCache
from dingtalk_integration.handlers.chat import ChatTurns
from tests.admin_pages import dingtalk

pytestmark = pytest.mark.django_db


class Silent:
    """An agent that says nothing."""

    async def answer(self, turn: Any, talk: Any, sink: Any) -> TurnResult:
        return TurnResult()


def turns() -> ChatTurns:
    return ChatTurns(ConfigCache(), Silent())  # type: ignore[arg-type]  # answers are no matter here


def said(config_id: int, *, corp: str = "dingcorp", group: bool = True, title: str = "值班群") -> Turn:
    payload = {"staff_id": "lisi", "nick": "李四", "corp_id": corp, "conversation_title": title}
    target = ReplyTarget("cid-1", group, "lisi", "robot")
    return Turn(1, "lease", 1, config_id, "chat", "m1", "cid-1", "lisi", "你好", payload, target, 0)


def handle(chat: ChatTurns, turn: Turn) -> None:
    asyncio.run(chat.handle(turn, None))  # type: ignore[arg-type]  # nothing is said


def test_group_is_learned_with_who_spoke_first() -> None:
    config = dingtalk(corp_id="dingcorp")
    handle(turns(), said(config.pk))
    group = KnownGroup.objects.get()
    assert (group.config_id, group.conversation_id, group.title) == (config.pk, "cid-1", "值班群")
    assert (group.corp_id, group.learned_by, group.learned_by_id) == ("dingcorp", "李四", "lisi")


@pytest.mark.parametrize("changes", [{"corp": "dingother"}, {"group": False}])
def test_outsiders_and_private_chats_teach_no_group(changes: dict[str, Any]) -> None:
    config = dingtalk(corp_id="dingcorp")
    handle(turns(), said(config.pk, **changes))
    assert not KnownGroup.objects.exists()


def test_group_is_written_down_once_an_hour_by_all_processes() -> None:
    config = dingtalk(corp_id="dingcorp")
    chat = turns()
    for title in ("值班群", "改过的名字"):
        handle(chat, said(config.pk, title=title))
        handle(turns(), said(config.pk, title=title))  # another process
    group = KnownGroup.objects.get()
    assert (group.title, group.last_seen_at) == ("值班群", group.learned_at)


def test_later_name_is_taken_and_the_first_speaker_stays() -> None:
    config = dingtalk(corp_id="dingcorp")
    handle(turns(), said(config.pk))
    past = KnownGroup.objects.get().last_seen_at - known_groups.EVERY - timedelta(seconds=1)
    KnownGroup.objects.update(last_seen_at=past, learned_by="王五")
    handle(turns(), said(config.pk, title="改过的名字"))
    group = KnownGroup.objects.get()
    assert (group.title, group.learned_by) == ("改过的名字", "王五")
    assert group.last_seen_at > past
