"""The guide's questions as checks: this machine first, then every configuration, side by side."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dingtalk_integration.checks import configuration, local
from dingtalk_integration.checks.configuration import CheckedConfig
from dingtalk_integration.checks.local import Machine
from dingtalk_integration.checks.steps import CheckStep, Result, failed, run_steps

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
    results = await run_steps(local.STEPS, machine)
    steps = _steps(results)
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(subject: CheckedConfig) -> ConfigResults:
        async with gate:
            return ConfigResults(subject.row.pk, subject.row.name, await run_steps(steps, subject))

    return Diagnosis(results, await asyncio.gather(*(look(CheckedConfig(row)) for row in machine.rows)))


def _steps(results: Sequence[Result]) -> tuple[CheckStep[CheckedConfig], ...]:
    """Without its packages the network part cannot even be loaded."""
    broken = any(result.name == "dependencies" and result.verdict == "failed" for result in results)
    if broken:
        return (*configuration.STEPS, configuration.WORKER)
    from dingtalk_integration.checks import network

    return (*configuration.STEPS, *network.STEPS, configuration.WORKER)
