"""A model that reads investigations by a script, and the job that asks it."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from secops_agent.agent.background.second_looks import SecondLooks
from secops_agent.llm.types import Request
from secops_agent.models import SecondLook
from secops_agent.services.investigations import work
from tests.scripted_model import Scripted, ScriptedModels

_NUMBERED = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)


def configure_model(name: str = "钉钉", **params: Any) -> SystemConfig:
    """A robot whose AI configuration is a model; the robot."""
    model, _ = configs.save(
        "qwen", "通义千问", True, {"api_key": "sk-whatever-key", "model": "qwen-plus", **params}
    )
    given = {"client_id": "ding-reader", "client_secret": "s" * 20, "ai_config": model}
    return configs.save("dingtalk", name, True, given)[0]


def evidence(request: Request) -> str:
    """All that the model reads."""
    return "\n".join(each.content for each in request.messages)


def number_of(request: Request, words: str) -> int:
    """Under which number the model reads it."""
    return next(int(number) for number, text in _NUMBERED.findall(evidence(request)) if words in text)


def answering(write: Callable[[Request], str]) -> Scripted:
    """Answers what ``write`` makes of the request."""
    return Scripted(lambda request: write(request))


def look_again(model: Scripted | None = None) -> SecondLook:
    """The checks by code, and then one round of the job; the newest look."""
    work.step()
    model = model or Scripted([])

    async def run() -> None:
        await SecondLooks(ConfigCache(), models=ScriptedModels(model)).step()

    asyncio.run(run())
    return SecondLook.objects.select_related("investigation").latest("pk")
