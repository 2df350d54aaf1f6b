"""Which model answers for a configuration."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from django.utils import timezone

from bifang.core import db
from bifang.core.config_cache import ConfigCache
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.agent.cooldown import Cooldowns
from secops_agent.agent.lexicon import CurrentLexicon
from secops_agent.agent.policy import ModelWithheld
from secops_agent.agent.toolbox import all_specs
from secops_agent.llm import openai, qwen_session
from secops_agent.llm.offline import Intent, Lexicon, Offline, nearest_tools, understand
from secops_agent.llm.openai import OpenAI, OpenAISettings
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.types import LLM, Completion, Message, ModelSettings, OnDelta, Request, Terms
from secops_agent.services import links

log = logging.getLogger(__name__)
_LOADED_LATE: Final = "qwen"  # the kind whose SDK takes its time


class OfflineMode:
    """The offline mode, given the names of the company when it is asked, never before.

    It is offered every tool: what the asker's role lacks is then refused by the toolbox with the reason.
    """

    name = Offline.name
    offline = True
    terms = Terms()

    def __init__(self, lexicon: CurrentLexicon, asker: str, last: Intent | None = None) -> None:
        self._lexicon, self._asker, self._last = lexicon, asker, last

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call, or a text."""
        offered = replace(request, tools=all_specs()) if request.tools else request
        return await (await self._model()).complete(offered, on_delta)

    async def opening(self, messages: Sequence[Message]) -> Completion | None:
        """What the asker's words certainly ask for, for a turn of another model; None if that one must read them."""
        return (await self._model()).opening(Request(tuple(messages), all_specs()))

    async def nearest(self, text: str) -> tuple[str, ...]:
        """The reading tools, the most probable for this question first."""
        return nearest_tools(text, await self._lexicon.get(), timezone.localtime())

    async def _model(self) -> Offline:
        page = links.named("导入任务", links.page("admin:secops_agent_importjob_changelist"))
        return Offline(await self._lexicon.get(), timezone.localtime(), self._asker, self._last, page)


class Models:
    """Builds models from configurations and keeps them while the configuration stays the same."""

    def __init__(self, configs: ConfigCache) -> None:
        self._configs = configs
        self._built: dict[int, tuple[ModelSettings, LLM]] = {}
        self._lexicon = CurrentLexicon()
        self._cooldowns = Cooldowns()

    async def get(self, ai_config_id: int) -> LLM:
        """The model of a configuration. Raises ConfigError, SecretError."""
        wanted: ModelSettings = await self._configs.get(ai_config_id)
        known = self._built.get(ai_config_id)
        if known is None or known[0] != wanted:
            self._built[ai_config_id] = known = (wanted, self._cooldowns.watch(_build(wanted)))
        return known[1]

    async def chain(
        self, ai_configs: Iterable[int], admit: Callable[[int], Awaitable[None]]
    ) -> tuple[list[LLM], list[str]]:
        """The models that may be asked now; and why others may not. ``admit`` raises why."""
        models, reasons = list[LLM](), list[str]()
        for config_id in ai_configs:
            try:
                await admit(config_id)
                model = await self.get(config_id)  # a changed one begins afresh
                await self._cooldowns.admit(config_id)
                models.append(model)
            except BifangError as error:
                log.warning("模型不可用：%s", error.message)
                withheld = isinstance(error, ModelWithheld)
                reasons.append(error.message if withheld else f"模型不可用：{error.message}")
        return models, list(dict.fromkeys(reasons))

    def offline(self, asker: str, last: Intent | None = None) -> OfflineMode:
        """The offline mode over what is stored; ``asker`` is the staff id that 我 means, ``last`` what was asked before."""
        return OfflineMode(self._lexicon, asker, last)

    async def warm_up(self) -> None:
        """Load the model's SDK ahead of the first message, if a configuration will need it; and the offline words."""
        if await db.call(_is_used):
            await qwen_session.warm_up()
        await asyncio.to_thread(understand, "最近有哪些告警", Lexicon(), timezone.localtime())

    async def close(self) -> None:
        """Close this loop's connections to models."""
        await qwen_session.close_sessions()
        await openai.close_clients()


def _build(settings: ModelSettings) -> LLM:
    if isinstance(settings, OpenAISettings):
        return OpenAI(settings)
    assert isinstance(settings, QwenSettings)
    return Qwen(settings)


def _is_used() -> bool:
    return SystemConfig.objects.enabled(_LOADED_LATE).exists()
