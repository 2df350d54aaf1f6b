"""The guide's questions as checks: this machine first, then every configuration, side by side."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from bifang.core.models import SystemConfig
from bifang.core.trials import CheckStep, Result, failed, run_steps
from dingtalk_integration.checks import configuration, local
from dingtalk_integration.checks.configuration import DingTalkTrial, stored
from dingtalk_integration.checks.local import Machine

AT_ONCE = 8  # configurations


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


async def diagnose(config_id: int | None) -> Diagnosis:
    """Check this machine and the one configuration, or every enabled one. Never raises, changes nothing."""
    machine = Machine(config_id)
    results = [result async for result in run_steps(local.STEPS, machine)]
    broken = any(result.name == "dependencies" and result.verdict == "failed" for result in results)
    steps = (*configuration.STEPS, configuration.WORKER) if broken else every_step()
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(row: SystemConfig) -> ConfigResults:
        async with gate:
            found = [result async for result in run_steps(steps, stored(row))]
            return ConfigResults(row.pk, row.name, found)

    return Diagnosis(results, await asyncio.gather(*(look(row) for row in machine.rows)))


def every_step() -> tuple[CheckStep[DingTalkTrial], ...]:
    """Of a configuration. Without its packages the network part cannot even be loaded."""
    from dingtalk_integration.checks import callbacks, network

    return (*configuration.STEPS, *network.STEPS, *callbacks.STEPS, configuration.WORKER)
