"""Ports: read from the environment, found busy or free, and who holds them."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from bifang import env
from bifang.core.errors import ConfigError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Of the web, the simulator, and Feishu's simulator; 0 for none. ``syslog``: where lines of devices are taken, UDP and TCP."""

    web: int
    simulator: int
    feishu: int = 0
    syslog: int = 0

    def named(self) -> list[tuple[str, str, int]]:
        """Variable, label and number of each that is used."""
        rows = [
            ("PORT", "网页", self.web),
            ("SIM_PORT", "钉钉模拟器", self.simulator),
            ("FEISHU_PORT", "飞书模拟器", self.feishu),
        ]
        return [row for row in rows if row[2]]


def read_ports() -> Ports:
    """PORT (web, 8000), SIM_PORT (8910), with FEISHU=1 FEISHU_PORT (8930), SYSLOG_PORT (the first free from 5514
    on: a device is told which it is). Raises ConfigError."""
    feishu = _read_port("FEISHU_PORT", 8930) if env.flag("FEISHU") else 0
    ports = Ports(_read_port("PORT", 8000), _read_port("SIM_PORT", 8910), feishu)
    taken: dict[int, str] = {}
    for name, _, port in ports.named():
        if port in taken:
            raise ConfigError(f"{taken[port]} 和 {name} 都是 {port}，请换一个：{name}={port + 1} make run")
        taken[port] = name
    return replace(ports, syslog=next_free(_read_port("SYSLOG_PORT", 5514), avoid=taken))


def _read_port(name: str, default: int) -> int:
    value = env.number(name, default, minimum=1)
    if value != int(value) or value > 65535:
        raise ConfigError(f"{name}={value:g} 不是端口号（1 到 65535）。")
    return int(value)


def require_free(ports: Ports) -> None:
    """Raises ConfigError naming every busy port, its holder, and a command line with free ports."""
    busy = [(label, port) for _, label, port in ports.named() if not is_free(port)]
    if not busy:
        return
    lines = [f"{label}端口 {port} 已被占用{describe_holder(port)}。" for label, port in busy]
    free: dict[str, int] = {}
    for name, _, port in ports.named():
        free[name] = next_free(port, avoid=free.values())
    command = " ".join([*(f"{name}={port}" for name, port in free.items()), "make run"])
    if ports.feishu:
        command = f"FEISHU=1 {command}"
    raise ConfigError("\n".join([*lines, f"请停掉占用者，或换用空闲端口：{command}"]))


def is_free(port: int) -> bool:
    """Could we listen there? Raises ConfigError if this user may never use it."""
    with socket.socket() as probe:
        # As servers do: a port that only has connections in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise ConfigError(
                f"当前用户不能使用端口 {port}（小于 1024 的端口要 root），请换一个，例如 8000。"
            ) from None
        except OSError:
            return False
    return True


def next_free(port: int, avoid: Collection[int] = ()) -> int:
    """The first free port from `port` on."""
    return next((number for number in range(port, 65536) if number not in avoid and is_free(number)), port)


def describe_holder(port: int) -> str:
    """``（进程 123：command）`` of the listener, as far as this user may see it."""
    pid = _holder_in_proc(port) or _holder_by_lsof(port)
    if not pid:
        return ""
    try:
        command = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        )
    except OSError:
        command = ""
    return f"（进程 {pid}：{command[:80]}）" if command else f"（进程 {pid}）"


def _holder_in_proc(port: int) -> int:
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for entry in Path("/proc").glob("[0-9]*/fd/*") if wanted else ():
        try:
            if os.readlink(entry) in wanted:
                return int(entry.parts[2])
        except OSError:
            continue  # another user's process, or one that just ended
    return 0


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        table = Path(name)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            columns = line.split()
            if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.append(columns[9])
    return inodes


def _holder_by_lsof(port: int) -> int:
    program = shutil.which("lsof")
    if not program:
        return 0
    command = [program, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-t"]
    found = re.search(r"\d+", subprocess.run(command, capture_output=True, text=True).stdout)
    return int(found.group()) if found else 0
