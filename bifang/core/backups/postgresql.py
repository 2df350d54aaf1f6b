"""PostgreSQL's own programs, told where a database is by their environment: a password is on no command line."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bifang.core.errors import BifangError, ConfigError

_OPTIONS: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
_NAMES: Final = {
    "HOST": "PGHOST",
    "PORT": "PGPORT",
    "USER": "PGUSER",
    "PASSWORD": "PGPASSWORD",
    "NAME": "PGDATABASE",
}


def run_program(name: str, arguments: Sequence[str], database: Mapping[str, Any]) -> None:
    """Run pg_dump or pg_restore on Django's parameters of a database. Raises BifangError with what it said."""
    program = shutil.which(name)
    if program is None:
        raise ConfigError(
            f"这台机器上没有 {name}：请安装 PostgreSQL 客户端，版本不低于服务器（例如 sudo apt install postgresql-client）。"
        )
    done = subprocess.run([program, *arguments], env=_environment(database), capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"退出码 {done.returncode}"]
        raise BifangError(f"{name} 没有成功：{'；'.join(said[:3])}", permanent=False)


def _environment(database: Mapping[str, Any]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    given = {_NAMES[name]: str(database[name]) for name in _NAMES if database.get(name)}
    options = database.get("OPTIONS", {})
    return kept | given | {_OPTIONS[name]: str(options[name]) for name in _OPTIONS if options.get(name)}
