"""What a process that runs for long looks at before it begins."""

import logging
import threading
import time
from typing import Final

from django.db import Error as DatabaseError
from django.db import connections

from bifang.core.database.schema import pending_migrations
from bifang.core.errors import ConfigError

log = logging.getLogger(__name__)
DATABASE_WAIT: Final = 60.0  # seconds for a database that starts together with us


def await_database() -> None:
    """Wait for a database that is still starting; ConfigError if it does not come, or if it is not of this version."""
    end = time.monotonic() + DATABASE_WAIT
    while True:
        try:
            pending = pending_migrations()
            break
        except DatabaseError as error:
            connections.close_all()
            if time.monotonic() > end:
                raise ConfigError(
                    f"连不上数据库：{str(error).splitlines()[0]}。请检查 DATABASE_URL 或数据目录的权限。"
                ) from None
            log.warning("数据库暂时无法访问，等待中")
            threading.Event().wait(2)
    if pending:
        raise ConfigError("数据库结构不是最新的，请先执行：python manage.py migrate")
