"""What a process that runs for long looks at before it begins."""

import logging
import threading
import time
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections

from bifang.core.database.identity import name_of, require_own_database, require_own_key
from bifang.core.database.schema import pending_migrations
from bifang.core.errors import ConfigError
from bifang.core.extensions import VERSION
from bifang.core.secrets.keys import keyring

log = logging.getLogger(__name__)
DATABASE_WAIT: Final = 60.0  # seconds for a database that starts together with us


def begin(program: str) -> None:
    """Say what is started, with what; raise ConfigError or SecretError for what a person must mend."""
    announce(program)
    keyring()
    await_database()
    require_own_key()
    connections.close_all()


def announce(program: str) -> None:
    """The first line of a process: what an operator asks first, without passwords."""
    log.info("%s 启动：毕方 %s，数据库 %s，数据目录 %s", program, VERSION, name_of(), settings.DATA_DIR)


def require_own() -> None:
    """For the web server, which starts without a database, too. Raises ConfigError or SecretError."""
    try:
        require_own_database()
        require_own_key()
    except DatabaseError:
        pass  # /readyz tells


def await_database() -> None:
    """Wait for a database that is still starting; ConfigError if it does not come, or if it is not of this version."""
    end = time.monotonic() + DATABASE_WAIT
    while True:
        try:
            require_own_database()
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
        raise ConfigError(
            f"数据库结构不是最新的，请先执行：python manage.py migrate（现在打开的是 {name_of()}；不是它的话，"
            "这个进程没有得到 DATABASE_URL，请写进 /etc/bifang/env）"
        )
