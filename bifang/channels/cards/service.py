"""Everything about cards in one event loop: sinks for turns, the delivery of answers, closing what was left."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bifang.channels.cards import content, repository
from bifang.channels.cards.breaker import Breaker
from bifang.channels.cards.calls import open_calls
from bifang.channels.cards.ports import CardPlace, CardPlatform, Face
from bifang.channels.cards.repository import Held, NameOf
from bifang.channels.cards.streamer import Streamer
from bifang.channels.ports import Delivered, Handler, Part, ReplySink, Turn, TurnResult
from bifang.channels.workers.consumer import Silent
from bifang.core.database import db
from bifang.core.errors import BifangError, RateLimited

log = logging.getLogger(__name__)
TRIES: Final = 4
RETRY_S: Final = 1.0
LONGEST_WAIT_S: Final = 5.0  # text is better than a card that comes later
REMEMBER_S: Final = 120.0  # what a turn did, for the card that its answer completes
RESTING: Final = "卡片接口暂停使用，或本月的接口调用额度不多了"
REFUSED: Final = "卡片被拒绝"


class CardService:
    """One per event loop."""

    def __init__(self, platform: CardPlatform, name_of: NameOf, breaker: Breaker | None = None) -> None:
        self.platform = platform
        self._name_of = name_of
        self._breaker = breaker or Breaker()
        # Where only what grows is another kind of card, its failures say nothing of the others.
        self._growing = self._breaker if platform.every_answer else Breaker()
        self._streamers: dict[int, Streamer] = {}
        self.left_over = asyncio.Event()  # a card was left unfinished: the reaper need not wait

    def sink(self, turn: Turn) -> ReplySink:
        """Shows the turn on a card; silent where a card cannot be."""
        place = content.place_of(turn.target)
        if turn.kind != "chat" or place is None or not self._streams(turn.config_id):
            return Silent()
        streamer = Streamer(turn, place, self.platform, self._streams, self._streaming_failed)
        self._streamers[turn.inbox_id] = streamer
        return streamer

    def _streams(self, config_id: int) -> bool:
        """May answers grow on their cards? Before the first look, the streamer will ask again."""
        return self.platform.streams(config_id) and self._allow(config_id, self._breaker, self._growing)

    def _allow(self, config_id: int, *breakers: Breaker) -> bool:
        revision = self.platform.revision(config_id)
        return revision is None or all(one.allows(config_id, revision) for one in breakers)

    def _streaming_failed(self, config_id: int, error: BifangError) -> None:
        self._growing.failed(config_id, self.platform.revision(config_id), error)

    def attend(self, handler: Handler) -> Handler:
        """The handler, with its card's streaming ended together with the turn."""

        async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
            if not isinstance(sink, Streamer):
                return await handler(turn, sink)
            try:
                return await handler(turn, sink)
            except BaseException:
                sink.task.add_done_callback(lambda _: self.left_over.set())
                raise
            finally:
                sink.end()
                asyncio.get_running_loop().call_later(REMEMBER_S, self._forget, turn.inbox_id, sink)

        return handle

    def _forget(self, inbox_id: int, streamer: Streamer) -> None:
        if self._streamers.get(inbox_id) is streamer:
            del self._streamers[inbox_id]

    async def deliver(self, part: Part) -> Delivered | None:
        """Complete the part's card; None if the part is to go out otherwise. Raises only what `look` does."""
        streamer = self._streamers.get(part.inbox_id) if part.inbox_id is not None else None
        if streamer is not None:
            await streamer.ended()
        place = content.place_of(part.target)
        if place is None:
            return None
        await self.platform.look(part.config_id)
        if not (self.platform.sends(part.config_id) and self._allow(part.config_id, self._breaker)):
            await db.call(repository.give_up_of, part, RESTING)
            return None
        if part.card:
            return await self._show_standing(part, place)
        held = await db.call(repository.take, part, place, begin=self.platform.every_answer)
        if held is None or held.finished:
            return Delivered("card", held.track_id) if held else None
        if streamer is not None and streamer.refused:
            await db.call(repository.give_up, held.pk, REFUSED)
            return None
        return await self._complete(part, held, streamer)

    async def _complete(self, part: Part, held: Held, streamer: Streamer | None) -> Delivered | None:
        # What a turn did is told where it was asked for, not to an approver.
        own = streamer is not None and streamer.place == content.place_of(part.target)
        face = content.complete(streamer.progress_lines if own and streamer else (), part)
        if not await self._insist(part, held, face):
            return None
        await db.call(repository.finish, held.pk, face.text)
        return Delivered("card", held.track_id)

    async def _show_standing(self, part: Part, place: CardPlace) -> Delivered | None:
        """Create the card of what goes on, or have it show how that stands now."""
        held = await db.call(repository.take_standing, part, place, self._name_of, self.platform.life)
        if held is None:
            return None
        face = content.standing(part.title, part.text, part.buttons)
        text = content.fingerprint(face)
        if not repository.shows(held, text):
            if not await self._insist(part, held, face):
                return None
            await db.call(repository.finish_standing, held, text)
        return Delivered("card", held.track_id)

    async def _insist(self, part: Part, held: Held, face: Face) -> bool:
        """Have the card show this; False if it was given up."""
        try:
            await self._show(part, held, face)
        except BifangError as error:
            log.warning(
                "卡片没有发出，改用文字：%s", error.message,
                extra={"config": part.config_id, "message_id": part.key},
            )  # fmt: skip
            self._breaker.failed(part.config_id, self.platform.revision(part.config_id), error)
            await db.call(repository.give_up, held.pk, error.message, standing=bool(part.card))
            return False
        self._breaker.worked(part.config_id, self.platform.revision(part.config_id))
        return True

    async def _show(self, part: Part, held: Held, face: Face) -> None:
        """Step after step, each until it is done; raises the error of the one that cannot be done."""
        calls = await open_calls(self.platform, held, part.target)
        at = _mentioned(part, held)

        async def create() -> None:
            await calls.create(face, at)

        async def finalize() -> None:
            await calls.finalize(face)

        async def finish() -> None:
            await calls.update(face, held.readers)

        if not held.shown:
            first_time = await _until_done(create)
            if held.fresh and first_time:
                return  # born complete; a card that may have been there already still shows what it showed
        if not part.card:  # what shows how something stands is never streamed
            await _until_done(finalize)
        await _until_done(finish)

    async def close(self) -> None:
        """End what streams; the turns it belongs to run again elsewhere, and use the same cards."""
        tasks = [streamer.task for streamer in self._streamers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _mentioned(part: Part, held: Held) -> dict[str, str]:
    """Staff id → name. The asker may not be listed; anybody else has to be, or the platform might refuse the card."""
    if not part.at_staff_id or (part.card and not held.nick):
        return {}
    return {part.at_staff_id: held.nick or part.at_staff_id}


async def _until_done(step: Callable[[], Awaitable[None]]) -> bool:
    """Try a few times; True if the first try did it."""
    for number in range(1, TRIES + 1):
        try:
            await step()
            return number == 1
        except BifangError as error:
            wait = error.retry_after if isinstance(error, RateLimited) else RETRY_S * number
            if error.permanent or number == TRIES or wait > LONGEST_WAIT_S:
                raise
        await asyncio.sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")
