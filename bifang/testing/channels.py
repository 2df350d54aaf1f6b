"""`ChannelCases`: the path of a message: read once, kept whatever it holds, answered in parts that can be sent."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from bifang.channels.models import InboxRow
from bifang.channels.ports import Incoming, Reply, TurnResult
from bifang.channels.queues import inbox, outbox
from bifang.channels.queues.inbox import claim, finish
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig

from .importers import DAMAGES, spoilt


@pytest.mark.django_db
class ChannelCases:
    """``kind`` of the platform, ``values`` of a configuration, and a ``wire``: one message of a person as it comes.

    ``read`` is the platform's own reader. ``longest``: characters that one message can carry.
    """

    kind: ClassVar[str]
    values: ClassVar[Mapping[str, Any]]
    wire: ClassVar[bytes]
    longest: ClassVar[int] = 20_000

    def read(self, raw: bytes, config_id: int) -> Incoming:
        """From the wire to what is stored."""
        raise NotImplementedError

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """As its channel cuts a reply."""
        raise NotImplementedError

    def config_id(self) -> int:
        """Of a configuration."""
        known = SystemConfig.objects.filter(kind=self.kind).first()
        return known.pk if known else configs.save(self.kind, "平台", True, dict(self.values))[0].pk

    def test_message_says_whose_it_is_and_where(self) -> None:
        item = self.read(self.wire, self.config_id())
        assert (item.kind, item.unreadable) == ("chat", b"")
        assert all((item.external_id, item.conversation_id, item.sender_id, item.text))
        assert item.target is not None
        assert item.target.conversation_id == item.conversation_id

    def test_message_that_comes_twice_is_answered_once(self) -> None:
        config_id = self.config_id()
        inbox.store([self.read(self.wire, config_id)])
        inbox.store([self.read(self.wire, config_id)])
        (turn,) = claim("me", 10)
        replies = self.split(Reply("好" * 2 * self.longest))
        assert finish([(turn, TurnResult(replies))]) == [True]
        parts = outbox.claim("me", 100)
        assert parts
        assert all(len(part.text) <= self.longest for part in parts)
        assert claim("me", 10) == []

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_message_is_kept(self, damage: str) -> None:
        self._keeps(DAMAGES[damage](self.wire))

    def test_every_field_may_be_anything(self) -> None:
        for raw in spoilt(self.wire, 100):
            self._keeps(raw)
        self._keeps(json.dumps([[]] * 3).encode())
        self._keeps(b"")

    def _keeps(self, raw: bytes) -> None:
        """Stored, as a message or as a dead letter: what is not stored would be delivered for ever."""
        item = self.read(raw, self.config_id())
        inbox.store([item])
        assert InboxRow.objects.filter(external_id=item.external_id).exists(), raw[:200]
