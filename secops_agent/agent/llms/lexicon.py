"""Lexicon: the company's names as the offline mode reads them, one copy a process, looked at again now and then."""

import asyncio
import time
from typing import Final

from bifang.core.database import db
from secops_agent.llm.offline import Lexicon
from secops_agent.services.names import KnownNames, PeopleMark, known_names, known_people, people_mark

FRESH_FOR: Final = 30.0  # seconds
_PATIENCE: Final = 50  # very many are read at most this part of the time


class CurrentLexicon:
    """One per event loop. Once there is a lexicon nobody waits for the next one."""

    def __init__(self) -> None:
        self._lexicon: Lexicon | None = None
        self._due = 0.0
        self._people: PeopleMark | None = None
        self._reading: asyncio.Task[Lexicon] | None = None

    async def get(self) -> Lexicon:
        """The names of at most `FRESH_FOR` seconds ago, longer for very many; people's as they are now."""
        if time.monotonic() >= self._due and self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._done)
        if self._lexicon is not None:
            await self._follow_people()
            return self._lexicon
        assert self._reading is not None
        return await asyncio.shield(self._reading)

    async def _follow_people(self) -> None:
        """Whoever was added just now is asked for just now."""
        if (
            self._lexicon is None
            or self._people is None
            or (now := await db.call(people_mark)) == self._people
        ):
            return
        self._lexicon, self._people = self._lexicon.with_people(await db.call(known_people)), now

    async def _read(self) -> Lexicon:
        start = time.monotonic()
        mark, names = await db.call(people_mark), await db.call(known_names)
        self._lexicon, self._people = await asyncio.to_thread(build, names), mark
        took = time.monotonic() - start
        self._due = time.monotonic() + max(FRESH_FOR, _PATIENCE * took)
        return self._lexicon

    def _done(self, task: "asyncio.Task[Lexicon]") -> None:
        self._reading = None
        if not task.cancelled() and task.exception() and self._lexicon is not None:
            self._due = time.monotonic() + 1.0  # the old names serve until the database answers again


def build(names: KnownNames) -> Lexicon:
    """The lexicon of these names."""
    return Lexicon.build(
        assets=names.assets,
        people=names.people,
        keywords=names.keywords,
        findings=names.rules,
        flaws=names.flaws,
    )
