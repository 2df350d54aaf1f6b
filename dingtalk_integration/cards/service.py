"""Everything about cards in one event loop: sinks for turns, the delivery of answers, closing what was left."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from django.conf import settings as django_settings

from bifang.channels.consumer import Silent
from bifang.channels.limits import Limiter
from bifang.channels.ports import Delivered, Handler, Part, ReplySink, Turn, TurnResult
from bifang.core import db
from bifang.core.errors import BifangError, RateLimited
from dingtalk_integration.applications import ApplicationClient, ApplicationClients
from dingtalk_integration.cards import content, repository
from dingtalk_integration.cards.breaker import Breaker
from dingtalk_integration.cards.calls import CardCalls
from dingtalk_integration.cards.limits import card_limiter
from dingtalk_integration.cards.repository import Held
from dingtalk_integration.cards.streamer import Streamer
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.openapi.cards import CardPlace

log = logging.getLogger(__name__)
TRIES: Final = 4
RETRY_S: Final = 1.0
LONGEST_WAIT_S: Final = 5.0  # markdown is better than a card that comes later
REMEMBER_S: Final = 120.0  # what a turn did, for the card that its answer completes
RESTING: Final = "卡片接口暂停使用，或本月的接口调用额度不多了"
WITH_CARDS: Final = ("full", "final_only", "card")  # steps of the quota at which messages are cards
REFUSED: Final = "卡片被拒绝"


class CardService:
    """One per event loop."""

    def __init__(
        self, clients: ApplicationClients, breaker: Breaker | None = None, limiter: Limiter | None = None
    ) -> None:
        self.clients = clients
        self.limiter = limiter or card_limiter(on=django_settings.RATE_LIMITS)
        self._breaker = breaker or Breaker()
        self._streamers: dict[int, Streamer] = {}
        self.left_over = asyncio.Event()  # a card was left unfinished: the reaper need not wait

    def sink(self, turn: Turn) -> ReplySink:
        """Shows the turn on a card; silent without a template, or where a card cannot be."""
        settings = self.clients.settings(turn.config_id)  # None: never looked at; the streamer will
        if turn.kind != "chat" or (settings is not None and not self._streams(settings)):
            return Silent()
        place = content.place_of(turn.target)
        if place is None:
            return Silent()
        streamer = Streamer(turn, place, self.clients, self.limiter, self._streams, self._streaming_failed)
        self._streamers[turn.inbox_id] = streamer
        return streamer

    def _streams(self, settings: DingTalkSettings) -> bool:
        """May answers grow on their cards? Not where the quota is to be spared."""
        return (
            bool(settings.card_template_id)
            and settings.streams_cards
            and self.clients.counter.allowance(settings.id).step == "full"
            and self._breaker.allows(settings)
        )

    def _sends_cards(self, settings: DingTalkSettings) -> bool:
        return self.clients.counter.allowance(settings.id).step in WITH_CARDS and self._breaker.allows(
            settings
        )

    def _streaming_failed(self, client: ApplicationClient, error: BifangError) -> None:
        self._breaker.failed(client.settings, error)

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

    async def deliver(self, part: Part, client: ApplicationClient) -> Delivered | None:
        """Complete the part's card; None if the part is to go out otherwise. Never raises BifangError."""
        streamer = self._streamers.get(part.inbox_id) if part.inbox_id is not None else None
        if streamer is not None:
            await streamer.ended()
        place = content.place_of(part.target)
        if place is None:
            return None
        if not self._sends_cards(client.settings):
            await db.call(repository.give_up_of, part, RESTING)
            return None
        if part.card:
            return await self._show_standing(part, client, place)
        held = await db.call(repository.take, part, place)
        if held is None or held.finished:
            return Delivered("card", held.track_id) if held else None
        if streamer is not None and streamer.refused:
            await db.call(repository.give_up, held.pk, REFUSED)
            return None
        return await self._complete(part, client, held, place, streamer)

    async def _complete(
        self, part: Part, client: ApplicationClient, held: Held, place: CardPlace, streamer: Streamer | None
    ) -> Delivered | None:
        values = content.complete(streamer.progress_lines if streamer else (), part)
        try:
            await self._insist(part, client, held, place, values)
        except BifangError as error:
            self._note_failure(part, client, error)
            await db.call(repository.give_up, held.pk, error.message)
            return None
        self._breaker.worked(client.settings)
        await db.call(repository.finish, held.pk, values[content.KEY])
        return Delivered("card", held.track_id)

    async def _show_standing(
        self, part: Part, client: ApplicationClient, place: CardPlace
    ) -> Delivered | None:
        """Create the card of what goes on, or have it show how that stands now."""
        held = await db.call(repository.take_standing, part, place)
        if held is None:
            return None
        values = content.standing(part.title, part.text, part.buttons)
        text = json.dumps(values)
        if not repository.shows(held, text):
            try:
                await self._insist(part, client, held, place, values)
            except BifangError as error:
                self._note_failure(part, client, error)
                await db.call(repository.give_up, held.pk, error.message, standing=True)
                return None
            self._breaker.worked(client.settings)
            await db.call(repository.finish_standing, held, text)
        return Delivered("card", held.track_id)

    def _note_failure(self, part: Part, client: ApplicationClient, error: BifangError) -> None:
        log.warning(
            "dingtalk 卡片发送失败，改用 Markdown：%s", error.message,
            extra={"config": part.config_id, "message_id": part.key},
        )  # fmt: skip
        self._breaker.failed(client.settings, error)

    async def _insist(
        self, part: Part, client: ApplicationClient, held: Held, place: CardPlace, values: dict[str, str]
    ) -> None:
        """Step after step, each until it is done; raises the error of the one that cannot be done."""
        calls = CardCalls(client.cards, self.limiter.of(client.settings.client_id), held.track_id)
        at = _mentioned(part, held)

        async def create() -> None:
            await calls.create(client.settings.card_template_id, values, place, at, part.target.robot_code)

        async def finalize() -> None:
            await calls.finalize(values[content.KEY])

        async def finish() -> None:
            await calls.update(values, held.readers)

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
    """Staff id → name. The asker may not be listed; anybody else has to be, or DingTalk might refuse the card."""
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
