"""A `ReplySink` that shows a running turn on a card: in the background, the newest text only, never too often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from bifang.channels.cards import content, repository
from bifang.channels.cards.calls import CALL_S, CardCalls, open_calls
from bifang.channels.cards.ports import CardPlace, CardPlatform, Face
from bifang.channels.cards.repository import Held
from bifang.channels.ports import Draft, Turn
from bifang.core.database import db
from bifang.core.errors import BifangError, RateLimited

log = logging.getLogger(__name__)
QUIET_S: Final = 1.2  # a turn that ends sooner without a word needs no card before its answer
GATHER_S: Final = 0.3  # after the first word
PACE_S: Final = 0.8  # between two updates of one card
NO_ROOM_S: Final = 0.25
RETRY_S: Final = 2.0
FAILURES: Final = 3  # in a row, after which only the answer is tried


class Streamer:
    """One per run of a turn. Calls about its card are made one at a time; `ended` waits for the last."""

    def __init__(
        self,
        turn: Turn,
        place: CardPlace,
        platform: CardPlatform,
        wanted: Callable[[int], bool],
        failed: Callable[[int, BifangError], None],
    ) -> None:
        self._turn, self.place, self._platform = turn, place, platform
        self._wanted, self._failed = wanted, failed
        self.progress_lines: list[str] = []
        self.refused = False  # the card was refused for good
        self._text: Draft = ""
        self._changed, self._over = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def progress(self, text: str) -> None:
        """Tell what is being done."""
        self.progress_lines.append(text)
        self._changed.set()

    def stream(self, text: Draft) -> None:
        """The whole answer so far."""
        self._text = text
        self._changed.set()

    def _draft(self) -> str:
        return self._text if isinstance(self._text, str) else self._text()

    def end(self) -> None:
        """The turn is over: nothing more is sent, what is under way comes to its end."""
        self._over.set()
        self._changed.set()

    async def ended(self) -> None:
        """Until nothing is under way any more; the last call gets its time and no longer."""
        self.end()
        await asyncio.wait([self.task], timeout=CALL_S + 1)
        self.task.cancel()

    async def _run(self) -> None:
        try:
            await self._until_worthwhile()
            if not self._over.is_set():
                await self._show()
        except BifangError as error:
            log.warning("卡片进度显示失败：%s", error.message, extra=self._fields())
        except Exception:
            log.exception("卡片进度显示出错", extra=self._fields())

    async def _until_worthwhile(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), QUIET_S)
            await self._pause(GATHER_S)

    async def _show(self) -> None:
        config_id = self._turn.config_id
        await self._platform.look(config_id)
        if not self._wanted(config_id):
            return
        held = await db.call(repository.open_for, self._turn, self.place)
        if held is None:
            return
        calls = await open_calls(self._platform, held, self._turn.target)
        try:
            await self._follow(calls, await self._begin(held, calls))
        except BifangError as error:
            self.refused = error.permanent
            if not error.permanent:  # the answer is tried all the same, and counts by itself
                raise
            self._failed(config_id, error)
            raise

    async def _begin(self, held: Held, calls: CardCalls) -> Face | None:
        """Create the card unless an earlier run of the turn did; what it shows now, if that is known."""
        if held.shown:
            return None
        target = self._turn.target
        face = content.begin(self.progress_lines, self._draft())
        staff_id = target.staff_id if target else ""
        at = {staff_id: str(self._turn.payload.get("nick") or staff_id)} if staff_id else {}

        async def create() -> None:
            await calls.create(face, at, growing=True)

        await self._patiently(create)
        await db.call(repository.mark_shown, held.pk, face.text)
        return face

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        for _ in range(FAILURES - 1):
            try:
                await step()
                return
            except BifangError as error:
                if error.permanent or self._over.is_set():
                    raise
                await self._pause(_wait(error))
        await step()

    async def _follow(self, calls: CardCalls, begun: Face | None) -> None:
        shown, typing, failures = (
            ("", False, 0) if begun is None else (begun.text, begun.stage == "typing", 0)
        )
        wait = PACE_S
        while True:
            await self._pause(wait)
            await self._changed.wait()
            if self._over.is_set():
                return
            self._changed.clear()
            try:
                draft = self._draft()
                typing = typing or await self._begin_typing(calls, draft)
                shown, wait = await self._update(calls, shown, draft)
                failures = 0
            except BifangError as error:
                failures += 1
                if failures >= FAILURES or error.permanent:
                    raise
                wait = _wait(error)
                self._changed.set()

    async def _begin_typing(self, calls: CardCalls, draft: str) -> bool:
        """A card may show a typewriter from the first word of the answer on."""
        if draft:
            await calls.begin_typing()
        return bool(draft)

    async def _update(self, calls: CardCalls, shown: str, draft: str) -> tuple[str, float]:
        """Show the newest text; what is shown then, and how long to wait."""
        text = content.draft(self.progress_lines, draft)
        if text == shown or self._over.is_set():
            return shown, PACE_S
        if await calls.show(text):
            return text, PACE_S
        self._changed.set()
        return shown, NO_ROOM_S

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def _fields(self) -> dict[str, object]:
        turn = self._turn
        return {
            "config": turn.config_id,
            "conversation": turn.conversation_id,
            "message_id": turn.external_id,
        }


def _wait(error: BifangError) -> float:
    return error.retry_after if isinstance(error, RateLimited) else RETRY_S
