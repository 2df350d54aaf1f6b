"""Group watch: learns from a message in a group that the robot is in it, or somebody of another corporation."""

import time
from collections.abc import Callable
from typing import Any

from bifang.channels import known_groups
from bifang.channels.ports import Turn
from bifang.core.database import db
from secops_agent.services.organisation.events import OrganisationEvent, moment_of
from secops_agent.services.organisation.reactions import react
from secops_agent.services.people.eligibility import listed_name

EVERY_S = known_groups.LOOK_EVERY.total_seconds()


class GroupWatch:
    """Of one platform; ``source`` names its events. Looks at most once a minute for a group. One per event loop."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._looked: dict[tuple[Any, ...], float] = {}

    async def heard(self, turn: Turn) -> None:
        """Somebody of the own corporation spoke: note where the robot is."""
        if turn.target and turn.target.is_group:
            payload = turn.payload
            await self._seldom(
                "heard", turn, _learn, turn.config_id, turn.target.conversation_id,
                title=payload.get("conversation_title", ""), corp_id=payload.get("corp_id", ""),
                speaker=payload.get("nick", ""), staff_id=payload.get("staff_id", ""),
            )  # fmt: skip

    async def outsider(self, turn: Turn, own: str) -> None:
        """Somebody else spoke, who therefore is in the group: ``own`` is the corporation whose group it is."""
        if turn.target and turn.target.is_group and own:
            await self._seldom("outsider", turn, react, _spoke(turn, own, self._source))

    async def _seldom(
        self, what: str, turn: Turn, do: Callable[..., object], *given: Any, **more: Any
    ) -> None:
        key, now = (what, turn.config_id, turn.conversation_id), time.monotonic()
        if now - self._looked.get(key, -EVERY_S) >= EVERY_S:
            await db.call(do, *given, **more)
            self._looked[key] = now


def _learn(config_id: int, conversation_id: str, *, speaker: str, staff_id: str, **more: str) -> None:
    """Feishu does not say what a speaker is called."""
    known = speaker or listed_name(config_id, staff_id)
    known_groups.learn_group(config_id, conversation_id, speaker=known, staff_id=staff_id, **more)


def _spoke(turn: Turn, corp_id: str, source: str) -> OrganisationEvent:
    return OrganisationEvent(
        kind="outsiders_joined", source=source, ident=turn.external_id, config_id=turn.config_id, corp_id=corp_id,
        at=moment_of(turn), conversation_id=turn.conversation_id, outsiders=1,
        fields=("在群里发言",), raw={"type": "message"},
    )  # fmt: skip
