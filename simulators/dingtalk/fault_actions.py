"""Faults that are deeds: cut, disconnect, freeze, send nonsense."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from simulators.faults import EVERYONE, Change

from .frames import build_malformed
from .world import World


@dataclass(slots=True)
class FaultActions:
    """Does what a change of faults asks for."""

    world: World
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    cutters: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def perform(self, change: Change) -> None:
        """Act on a change that was applied."""
        scope = change.scope
        if "malformed" in change.actions:
            self._send_malformed(scope, change.actions["malformed"])
        if change.actions.get("ping"):
            for link in self.world.links.all(scope):
                link.ping()
        if change.actions.get("disconnect"):
            self._disconnect(scope, change.actions["disconnect"])
        if change.actions.get("abort"):
            self._abort(scope)
        if change.clear or "half_open" in change.faults:
            self._freeze()
        if change.clear or "abort_every_s" in change.faults:
            self._restart_cutters()
        if change.clear or "redeliver_after_s" in change.faults:
            self.world.deliveries.reschedule()

    def stop(self) -> None:
        """Stop what runs by itself."""
        for task in (*self.tasks, *self.cutters.values()):
            task.cancel()
        self.cutters.clear()

    def _send_malformed(self, scope: str, asked: Any) -> None:
        frames = build_malformed(asked)
        for link in self.world.links.all(scope):
            for text in frames:
                link.push(text)

    def _disconnect(self, scope: str, asked: Any) -> None:
        links = [link for link in self.world.links.all(scope) if not link.draining]
        for link in links[:1] if asked == "one" else links:
            task = asyncio.create_task(link.disconnect(self.world.options.disconnect_grace_s))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            self.world.history.publish(link.client_id, "connection", None)

    def _abort(self, scope: str) -> None:
        for link in self.world.links.all(scope):
            link.abort()

    def _freeze(self) -> None:
        for link in self.world.links.all():
            link.frozen = bool(self.world.faults.peek("half_open", link.client_id))

    def _restart_cutters(self) -> None:
        for task in self.cutters.values():
            task.cancel()
        self.cutters.clear()
        for scope, faults in self.world.faults.active.items():
            if "abort_every_s" in faults:
                every = float(faults["abort_every_s"].value)
                self.cutters[scope] = asyncio.create_task(self._cut_again(scope or EVERYONE, every))

    async def _cut_again(self, scope: str, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            self._abort(scope)
