"""The guide's questions as checks: this machine first, then every configuration, side by side."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from bifang.channels.checks import configuration, machine
from bifang.channels.checks.configuration import ChannelTrial
from bifang.channels.checks.machine import Machine
from bifang.channels.workers.connection_health import WorkerService
from bifang.core.configuration import configs
from bifang.core.configuration.trials import CheckStep, Result, failed, run_steps
from bifang.core.models import SystemConfig

AT_ONCE = 8  # configurations


@dataclass(frozen=True, slots=True)
class Examination:
    """How a channel's configurations are checked. ``network`` gives the steps to its platform: without the
    packages that they need they cannot even be loaded.
    """

    trial: type[ChannelTrial]
    network: Callable[[], Sequence[CheckStep[Any]]]

    @property
    def service(self) -> WorkerService:
        """Whose configurations."""
        return self.trial.service

    def steps(self, *, network: bool = True) -> tuple[CheckStep[Any], ...]:
        """Of one configuration, in order."""
        before = configuration.steps_before(self.service)
        return (*before, *(self.network() if network else ()), configuration.worker_step(self.service))


@dataclass(frozen=True, slots=True)
class ConfigResults:
    """One configuration's results."""

    id: int
    name: str
    steps: list[Result]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``local``: of this machine."""

    local: list[Result]
    configs: list[ConfigResults]

    @property
    def ok(self) -> bool:
        """No step failed."""
        return not failed(self.local) and not any(failed(config.steps) for config in self.configs)

    def as_json(self) -> dict[str, Any]:
        """``{ok, local: [step], configs: [{id, name, steps: [step]}]}``; a step as `Result`."""
        return {"ok": self.ok, **asdict(self)}


async def diagnose(examination: Examination, config_id: int | None) -> Diagnosis:
    """Check this machine and the one configuration, or every enabled one. Never raises, changes nothing."""
    here = Machine(examination.service, config_id)
    results = [result async for result in run_steps(machine.steps_of(here.service), here)]
    broken = any(result.name == "dependencies" and result.verdict == "failed" for result in results)
    steps = examination.steps(network=not broken)
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(row: SystemConfig) -> ConfigResults:
        async with gate:
            trial = examination.trial(row, partial(configs.load, row))
            return ConfigResults(row.pk, row.name, [result async for result in run_steps(steps, trial)])

    return Diagnosis(results, await asyncio.gather(*(look(row) for row in here.rows)))
