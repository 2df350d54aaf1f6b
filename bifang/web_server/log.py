"""The lines of gunicorn itself, as ours are written: one form and one kind of time in the file that both go to."""

import logging
import os
import time
from contextlib import suppress
from typing import Any

from gunicorn.glogging import Logger

from bifang import env
from bifang.core.errors import ConfigError
from bifang.core.monitoring.logs import JsonFormatter, LineFormatter


class ServerLog(Logger):
    """Before Django has set logging up, and in the process that only watches."""

    def setup(self, cfg: Any) -> None:
        """In the time zone of the settings, which this process does not read."""
        with suppress(ConfigError):  # the workers tell
            env.read_file()
        os.environ.setdefault("TZ", env.ZONE)
        time.tzset()
        super().setup(cfg)

    def _set_handler(self, log: logging.Logger, output: Any, fmt: Any, stream: Any = None) -> None:
        del fmt
        form = JsonFormatter() if env.text("BIFANG_LOG_FORMAT") == "json" else LineFormatter()
        super()._set_handler(log, output, form, stream)
