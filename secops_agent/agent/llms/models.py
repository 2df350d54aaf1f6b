"""Choice of the model: which one answers for a configuration."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError
from bifang.core.models import SystemConfig
from bifang.core.outbound.backoff import Backoff
from secops_agent.agent.llms.lexicon import CurrentLexicon
from secops_agent.agent.policy import ModelWithheld
from secops_agent.agent.turn.toolbox import all_specs
from secops_agent.llm import openai, qwen_session
from secops_agent.llm.offline import Lexicon
from secops_agent.llm.offline.model import Offline
from secops_agent.llm.openai import OpenAI, OpenAISettings
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.types import LLM, Completion, Delta, ModelSettings, OnDelta, Request, Terms
from secops_agent.llm.understanding.focus import NOTHING, Focus
from secops_agent.llm.understanding.reading import nearest_tools, understand
from secops_agent.llm.understanding.warrants import Warrant, read_warrant
from secops_agent.services import links
from secops_agent.tools.frames import FRAMES

log = logging.getLogger(__name__)

# A model that fails again and again is left alone for a while: not every question waits for its time-out.

FAILURES: Final = 3  # one after the other, until it is left alone
SHORTEST_S: Final = 30.0
LONGEST_S: Final = 300.0
_AWAY: Final = frozenset({"connect", "dns", "tls", "proxy", "network", "timeout", "redirect", "bad_response"})
_SILENT: Final = "没有在规定时间内开始回答。"


@dataclass
class _Standing:
    """``reported``: the last error as we wrote it down; None: nothing yet."""

    failures: int = 0
    until: float = float("-inf")
    reported: str | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(SHORTEST_S, LONGEST_S))


class Cooldowns:
    """One per event loop, for all models. The last error of a configuration is where processes meet.

    It is cleared by an answer, a successful test on the page, and every change of the configuration: then the model is
    asked again, in every process.
    """

    def __init__(self) -> None:
        self._standings: dict[int, _Standing] = {}

    def watch(self, llm: LLM) -> LLM:
        """The model, as it is asked: what becomes of its answers is counted from now on."""
        if llm.terms.config_id is None:
            return llm
        self._standings[llm.terms.config_id] = _Standing()
        return _Watched(llm, self, llm.terms.config_id)

    async def admit(self, config_id: int) -> None:
        """Raises ModelWithheld while it is left alone."""
        standing = self._standings.get(config_id)
        if standing is None or monotonic() >= standing.until:
            return
        error = await db.call(_error_of, config_id)
        if error:
            raise ModelWithheld(error)
        self._standings[config_id] = _Standing()

    def begin(self, config_id: int, patience: float) -> None:
        """It is asked. After a rest one question tries it, and the others do not wait for that."""
        standing = self._standings[config_id]
        if standing.failures >= FAILURES:
            standing.until = monotonic() + patience

    async def count_failure(self, config_id: int, name: str, message: str) -> None:
        """It gave no answer."""
        standing = self._standings[config_id]
        standing.failures += 1
        told = f"{name}没有作答：{message}"
        if standing.failures >= FAILURES:
            seconds = standing.backoff.next()
            standing.until = monotonic() + seconds
            told = f"{name}连续 {standing.failures} 次请求没有作答（重试也算），{_at(seconds):%H:%M:%S} 以前不再问它：{message}"
        standing.reported = told
        await _report(config_id, told)

    async def count_answer(self, config_id: int) -> None:
        """It answered."""
        standing = self._standings[config_id]
        if standing.reported != "":
            self._standings[config_id] = _Standing(reported="")
            await _report(config_id, "")


class _Watched:
    """The LLM port around a model."""

    def __init__(self, inner: LLM, cooldowns: Cooldowns, config_id: int) -> None:
        self.name, self.offline, self.terms = inner.name, inner.offline, inner.terms
        self._inner, self._cooldowns, self._config_id = inner, cooldowns, config_id

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """As the inner model's."""
        began, heard = monotonic(), list[bool]()

        def hear(delta: Delta) -> None:
            heard.append(True)
            if on_delta is not None:
                on_delta(delta)

        self._cooldowns.begin(self._config_id, request.timeout)
        try:
            completion = await self._inner.complete(request, hear)
        except BifangError as error:
            if _is_failure(error):
                await self._fail(error.message)
            raise
        except asyncio.CancelledError:  # of a turn that ran out of time; not of one that a person stopped
            if not heard and monotonic() - began >= 0.9 * request.timeout:
                await self._fail(_SILENT)
            raise
        await self._cooldowns.count_answer(self._config_id)
        return completion

    async def _fail(self, message: str) -> None:
        await self._cooldowns.count_failure(self._config_id, self.name, message)


def _is_failure(error: BifangError) -> bool:
    """Is it away, or does it not know us? A refused question, a full line, a limit are no failures."""
    if isinstance(error, RateLimited) or not isinstance(error, RemoteError):
        return False
    return isinstance(error, BadCredentials) or error.code in _AWAY or error.status >= 500


def _at(seconds: float) -> datetime:
    return timezone.localtime() + timedelta(seconds=seconds)


async def _report(config_id: int, message: str) -> None:
    try:
        await db.call(_store, config_id, message)
    except db.UNAVAILABLE:
        log.warning("模型的最近错误没有保存", exc_info=True)


def _store(config_id: int, message: str) -> None:
    if message or _error_of(config_id):  # looked at first: most have none, and nothing is written
        configs.report_error(config_id, message)


def _error_of(config_id: int) -> str:
    found = SystemConfig.objects.filter(pk=config_id).values_list("last_error", flat=True).first()
    return found or ""


_LOADED_LATE: Final = "qwen"  # the kind whose SDK takes its time


class OfflineMode:
    """The offline mode, given the names of the company when it is asked, never before.

    It is offered every tool: what the asker's role lacks is then refused by the toolbox with the reason.
    """

    name = Offline.name
    offline = True
    terms = Terms()

    def __init__(self, lexicon: CurrentLexicon, asker: str, focus: Focus = NOTHING) -> None:
        self._lexicon, self._asker, self._focus, self._now = lexicon, asker, focus, timezone.localtime()
        self._reader: Offline | None = None  # of this turn, which reads its sentence once

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """One tool call, or a text."""
        offered = replace(request, tools=all_specs()) if request.tools else request
        return await (await self._model()).complete(offered, on_delta)

    async def warrant(self, text: str, before: str = "") -> Warrant:
        """The actions that the asker's typed words let a model offer; ``before``: what they typed just before, if nothing was
        offered to it."""
        lexicon = await self._lexicon.get()
        return read_warrant(text, lexicon, self._now, self._focus, self._asker, before)

    async def nearest(self, text: str) -> tuple[str, ...]:
        """The reading tools, the most probable for this question first."""
        return nearest_tools(text, await self._lexicon.get(), self._now, FRAMES, self._asker)

    async def _model(self) -> Offline:
        if self._reader is None:
            lexicon, page = await self._lexicon.get(), links.named("导入任务", links.listing("importjob"))
            self._reader = Offline(lexicon, self._now, FRAMES, self._asker, self._focus, page)
        return self._reader


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

    def offline(self, asker: str, focus: Focus = NOTHING) -> OfflineMode:
        """The offline mode over what is stored; ``asker`` is the staff id that 我 means, ``focus`` what was spoken of before."""
        return OfflineMode(self._lexicon, asker, focus)

    async def warm_up(self) -> None:
        """Load the model's SDK ahead of the first message, if a configuration will need it; and the offline words."""
        if await db.call(_is_used):
            await qwen_session.warm_up()
        await asyncio.to_thread(_read_all_words)

    async def close(self) -> None:
        """Close this loop's connections to models."""
        await qwen_session.close_sessions()
        await openai.close_clients()


def _read_all_words() -> None:
    """Whatever words are compiled by the first sentence, before somebody waits for it."""
    for said in ("最近有哪些告警", "封了 203.0.113.5", "web-01 怎么样"):
        understand(said, Lexicon(), timezone.localtime(), FRAMES)


def _build(settings: ModelSettings) -> LLM:
    if isinstance(settings, OpenAISettings):
        return OpenAI(settings)
    assert isinstance(settings, QwenSettings)
    return Qwen(settings)


def _is_used() -> bool:
    return SystemConfig.objects.enabled(_LOADED_LATE).exists()
