"""Which model answers for a configuration."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from bifang import env
from bifang.core.config_cache import ConfigCache
from secops_agent.llm.offline import Lexicon, Offline
from secops_agent.llm.qwen import Qwen, QwenSettings
from secops_agent.llm.scripted import Scripted
from secops_agent.llm.types import LLM


class Models:
    """Builds models from configurations and keeps them while the configuration stays the same."""

    def __init__(self, configs: ConfigCache) -> None:
        self._configs = configs
        self._built: dict[int, tuple[QwenSettings, Qwen]] = {}
        spec = env.text("BIFANG_SCRIPTED_MODEL") if settings.SIMULATOR else ""
        self._scripted = Scripted.from_spec(spec) if spec else None

    async def get(self, ai_config_id: int | None, *, asker: str) -> LLM:
        """The model of a qwen configuration; the offline mode without one. Raises ConfigError, SecretError."""
        if self._scripted is not None:
            return self._scripted
        if ai_config_id is None:
            return self.offline(asker)
        wanted: QwenSettings = await self._configs.get(ai_config_id)
        known = self._built.get(ai_config_id)
        if known is None or known[0] != wanted:
            self._built[ai_config_id] = known = (wanted, Qwen(wanted))
        return known[1]

    def offline(self, asker: str) -> LLM:
        """The grammar over what is stored."""
        now: datetime = timezone.localtime()
        return Offline(Lexicon(), now, asker=asker)
