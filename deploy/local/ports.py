"""Ports: read from the environment, found busy or free, and who holds them."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from bifang import env
from bifang.core.errors import ConfigError

HOST = "127.0.0.1"


def read_ports() -> tuple[int, int]:
    """PORT (web, 8000) and SIM_PORT (simulator, 8910). Raises ConfigError if they cannot be served."""
    ports = _read_port("PORT", 8000), _read_port("SIM_PORT", 8910)
    if ports[0] == ports[1]:
        raise ConfigError(f"PORT 和 SIM_PORT 都是 {ports[0]}，请换一个：PORT={ports[0] + 1} make run")
    return ports


def _read_port(name: str, default: int) -> int:
    value = env.number(name, default, minimum=1)
    if value != int(value) or value > 65535:
        raise ConfigError(f"{name}={value:g} 不是端口号（1 到 65535）。")
    return int(value)


def require_free(web: int, simulator: int) -> None:
    """Raises ConfigError naming every busy port, its holder, and a command line with free ports."""
    busy = [(label, port) for label, port in (("网页", web), ("钉钉模拟器", simulator)) if not is_free(port)]
    if not busy:
        return
    lines = [f"{label}端口 {port} 已被占用{describe_holder(port)}。" for label, port in busy]
    free_web = next_free(web)
    free_simulator = next_free(simulator, avoid=free_web)
    command = f"PORT={free_web} SIM_PORT={free_simulator} make run"
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


def next_free(port: int, avoid: int = 0) -> int:
    """The first free port from `port` on."""
    return next((number for number in range(port, 65536) if number != avoid and is_free(number)), port)


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
