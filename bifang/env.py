"""Typed readers of the process environment. ``NAME_FILE`` names a file that holds the value of ``NAME``."""

import getpass
import ipaddress
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dj_database_url

from bifang.core.errors import ConfigError

ZONE = "Asia/Shanghai"  # unless TZ names another
BASE_DIR = Path(__file__).resolve().parent.parent


def read_file() -> None:
    """Take the variables of /etc/bifang/env (BIFANG_ENV_FILE names another, "" none) that are not set: the same for every
    program, whatever starts it, and for who migrates. As systemd's EnvironmentFile. Raises ConfigError."""
    name = os.environ.get("BIFANG_ENV_FILE", "/etc/bifang/env")
    path = Path(name)
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if name and path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"环境变量的文件 {path} 读不到（{error}）：请用运行服务的用户执行，例如 sudo -u www-data …，或检查它的权限。"
        ) from None
    for number, line in enumerate(lines, 1):
        if not (line := line.strip()) or line[0] in "#;":
            continue
        key, sign, value = line.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key.strip()):
            raise ConfigError(f"{path} 第 {number} 行不是 名称=值。")
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        os.environ.setdefault(key.strip(), value[1:-1] if quoted else value)


def text(name: str, default: str = "") -> str:
    """The value of NAME, else the content of the file NAME_FILE, else `default`."""
    value = os.environ.get(name)
    if value is not None:
        return value.strip()
    path = os.environ.get(f"{name}_FILE")
    return _read(name, Path(path)) if path else default


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"环境变量 {name}_FILE 指向的文件读不到：{path}（{error.strerror}）。请检查路径和权限。"
        ) from None


def flag(name: str, default: bool = False) -> bool:
    """1/true/yes/on or 0/false/no/off."""
    value = text(name).lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if value == "" else value in ("1", "true", "yes", "on")
    raise ConfigError(f"环境变量 {name} 的值「{value}」不是开关，请写 1 或 0。")


def number(name: str, default: float, *, minimum: float = 0) -> float:
    """A number of at least `minimum`."""
    value = text(name)
    try:
        result = float(value) if value else float(default)
    except ValueError:
        raise ConfigError(f"环境变量 {name} 的值「{value}」不是数字。") from None
    if result < minimum:
        raise ConfigError(f"环境变量 {name} 的值 {value} 太小，至少是 {minimum:g}。")
    return result


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def site(name: str) -> str:
    """The address of a web site without a slash at its end, "" if there is none."""
    value = text(name).rstrip("/")
    if value and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~-]+)*", value):
        raise ConfigError(
            f"环境变量 {name} 应是网站的地址，例如 https://bifang.example.com，现在是「{value}」。"
        )
    return value


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks separated by commas."""
    try:
        return [ipaddress.ip_network(word) for word in words(name)]
    except ValueError as error:
        raise ConfigError(f"环境变量 {name} 里应是 IP 地址或网段，用逗号分隔：{error}。") from None


def directory(name: str, default: str) -> Path:
    """A directory; relative paths are below the project."""
    return (BASE_DIR / Path(text(name, default)).expanduser()).resolve()


def private_directory(path: Path) -> Path:
    """`path`, made if it is not there, closed to others; and from now on so are the files that this process makes.

    Where the process was started from is no matter: the database, its copies and the session table are in there.
    """
    os.umask(0o077)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if path.stat().st_mode & 0o1007 in range(1, 8):  # not a directory that all share, such as /tmp
            path.chmod(0o700)
    except OSError:
        pass  # of another user, or on a read-only disk: who needs to write there will say so
    return path


def generated_file(path: Path, make: Callable[[], str]) -> str:
    """The content of `path`, made with `make()` and mode 0600 the first time."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return _generate(path, make)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None


def random_token() -> str:
    """A new secret of 50 random bytes."""
    return secrets.token_urlsafe(50)


def _generate(path: Path, make: Callable[[], str]) -> str:
    """Write a private temporary file and link it into place, so that two first starts agree on one value."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(make() + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its value is the value
        finally:
            draft.unlink()
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None


def unreadable(path: Path, error: OSError) -> str:
    """The exact remedy for a file or directory this user cannot use (a root-run command is the usual cause)."""
    reason = error.strerror or str(error)
    return (
        f"无法读写 {path}：{reason}。通常是曾用 root 运行过命令；"
        f"请执行：sudo chown -R {_user()} {_existing(path)} ，或用 BIFANG_DATA_DIR / BIFANG_LOG_DIR 指定另一个目录。"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _existing(path: Path) -> Path:
    # os.path: below a directory that is closed to us nothing "exists", where Path.exists() would raise.
    while not os.path.exists(path) and path != path.parent:
        path = path.parent
    return path if os.path.isdir(path) else path.parent


_KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # ms
}


def database(url: str) -> dict[str, Any]:
    """Django's parameters for a URL such as ``postgres://user:password@host/name``.

    Statements that run for every message are prepared after five times; ``?prepare_threshold=1000000000`` in the URL
    keeps them from it, for a pooler that hands a session's statements to another one. A server that is gone and did
    not say so is noticed within a minute.
    """
    found: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True))
    if found["ENGINE"].endswith("postgresql"):
        found["OPTIONS"] = {"prepare_threshold": 5, **_KEEPALIVE, **found.get("OPTIONS", {})}
    return found
