"""A child process of ours: JSON-RPC, a message a line, on its standard input and output; for one visit.

A process for each visit, not one that is kept: nothing to watch, to replace after a change or to end when idle.
"""

import asyncio
import json
import logging
import os
import shutil
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.errors import ConfigError, RemoteError
from bifang.core.outbound.airgap import is_airgapped
from bifang.core.secrets.redaction import redact
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.transport import Patience
from secops_agent.connectors.mcp.wire import LARGEST, MOST_EVENTS, reply_in, result_of, too_large

log = logging.getLogger(__name__)
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_CHILDREN: Final = 8  # at once, of one event loop
_GUARD: Final = str(Path(__file__).with_name("process_guard.py"))
_FAREWELL_S: Final = 1.0
_END_S: Final = 3.0
_ERRORS_KEPT: Final = 4096  # bytes of its standard error that are looked at for the last line
_ERRORS_LOGGED: Final = 64 * 1024
_SHOWN: Final = 300
_rooms: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = (
    weakref.WeakKeyDictionary()
)


class _Ends(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells of the end of the process, which asyncio's own ``wait`` does not while somebody holds its pipes."""

    def __init__(self) -> None:
        super().__init__(limit=LARGEST, loop=asyncio.get_running_loop())
        self.ended = asyncio.Event()
        self._left: asyncio.SubprocessTransport | None = None

    def process_exited(self) -> None:
        self.ended.set()
        super().process_exited()
        if self._left is not None:
            self._left.close()

    def leave(self, process: asyncio.SubprocessTransport) -> None:
        """Close its pipes once it has ended: closed before, asyncio would kill the guard and not the program."""
        if self.ended.is_set():
            process.close()
        self._left = process


class StdioTransport:
    """The process is started under a guard (`process_guard`): it ends with the visit, and with us."""

    shakes_first = True

    def __init__(self, settings: McpSettings) -> None:
        self._settings = settings
        self._lifeline = -1
        self._room: asyncio.Semaphore | None = None
        self._process: asyncio.SubprocessTransport | None = None
        self._errors: asyncio.Task[None] | None = None
        self._first = self._last = b""
        self._noise = False

    async def open(self) -> None:
        """Start it. Raises ConfigError where it may not or cannot be started."""
        check_airgap(self._settings)
        command = (find_program(self._settings), *self._settings.command[1:])
        await self._take_room()
        end, self._lifeline = os.pipe()
        environment = {"PATH": PATH, "LANG": "C.UTF-8", **self._settings.env}
        guard = (sys.executable, "-I", "-S", _GUARD, str(end), self._settings.cwd, *command)
        try:
            await self._start(guard, environment, end)
        except OSError as error:
            raise RemoteError(
                f"启动 MCP 服务「{self._settings.name}」的程序失败：{error.strerror}。", permanent=False, code="connect"
            ) from None  # fmt: skip
        finally:
            os.close(end)
        self._errors = asyncio.create_task(self._read_errors())

    async def _start(self, guard: Sequence[str], environment: Mapping[str, str], end: int) -> None:
        """Not called off halfway: asyncio would kill the guard and not the program."""
        start = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                _Ends, *guard, env=environment, cwd="/", pass_fds=(end,), start_new_session=True
            )
        )
        try:
            self._process, self._ends = await asyncio.shield(start)
        except asyncio.CancelledError:
            self._process, self._ends = await start
            raise

    async def _take_room(self) -> None:
        room = _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_CHILDREN))
        try:
            await asyncio.wait_for(room.acquire(), self._settings.timeout_s)
        except TimeoutError:
            raise RemoteError(
                f"已有 {MOST_CHILDREN} 个 MCP 程序同时在运行，「{self._settings.name}」没有等到空位，请稍后再试。", permanent=False,
                code="connect",
            ) from None  # fmt: skip
        self._room = room

    async def ask(
        self, message: Mapping[str, Any], protocol: str, extra: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """As `McpTransport`."""
        try:
            async with Patience(self._settings):
                await self._write(message)
                return result_of(await self._answer_to(message["id"]), self._settings.name)
        except RemoteError as error:
            if error.code != "timeout":
                raise
            raise RemoteError(f"{error.message}{self._hint()}", permanent=False, code="timeout") from None

    async def tell(self, message: Mapping[str, Any], protocol: str) -> None:
        """As `McpTransport`."""
        async with Patience(self._settings):
            await self._write(message)

    async def close(self, *, politely: bool) -> None:
        """Its input ends; a moment later it, and all that it started, are ended."""
        try:
            if self._process is not None:
                await self._end(politely=politely)
        finally:
            self._cut()
            if self._errors is not None:
                self._errors.cancel()
                self._log_errors()
            if self._process is not None:
                self._ends.leave(self._process)
            if self._room is not None:
                self._room.release()
                self._room = None

    async def _end(self, *, politely: bool) -> None:
        self._input.close()
        if politely:
            await self._ended(_FAREWELL_S)
        self._cut()
        await self._ended(_END_S)

    def _cut(self) -> None:
        """The guard ends the process."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    async def _ended(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ends.ended.wait(), seconds)

    @property
    def _input(self) -> asyncio.StreamWriter:
        assert self._ends.stdin is not None
        return self._ends.stdin

    async def _write(self, message: Mapping[str, Any]) -> None:
        try:
            self._input.write(json.dumps(message).encode() + b"\n")
            await self._input.drain()
        except (ConnectionError, RuntimeError):  # asyncio says the latter of a pipe that was closed before
            raise await self._gone() from None

    async def _answer_to(self, number: int) -> Mapping[str, Any]:
        assert self._ends.stdout is not None
        size = count = 0
        while True:
            try:
                line = await self._ends.stdout.readline()
            except ValueError:  # no end of the line within the limit
                raise too_large() from None
            size, count = size + len(line), count + 1
            if size > LARGEST or count > MOST_EVENTS:
                raise too_large()
            if (message := reply_in(line, number)) is not None:
                return message
            if not line:
                raise await self._gone()
            self._noise = self._noise or line.strip()[:1] not in (b"", b"{")

    async def _gone(self) -> RemoteError:
        """Why there is no answer any more."""
        await self._ended(_END_S)
        if self._errors is not None:
            await asyncio.wait((self._errors,), timeout=_FAREWELL_S)
        code = self._process.get_returncode() if self._process else None
        told = f"已退出（退出码 {code}）" if code is not None else "关闭了输出"
        return RemoteError(
            f"MCP 服务「{self._settings.name}」的程序{told}，没有应答。{self._hint()}", permanent=False, code="exited"
        )  # fmt: skip

    def _hint(self) -> str:
        noise = "它在标准输出里写了不是 MCP 的内容。" if self._noise else ""
        whole = self._last.decode("utf-8", "replace").splitlines()[len(self._last) == _ERRORS_KEPT :]
        lines = [line for line in whole if line.strip()]  # a cut one may begin inside of a secret
        return noise + (f"它最后的错误输出：{_plain(lines[-1])}" if lines else "")

    async def _read_errors(self) -> None:
        """All of it, so that it never waits for us; little is kept."""
        assert self._ends.stderr is not None
        while block := await self._ends.stderr.read(_ERRORS_KEPT):
            self._first += block[: _ERRORS_LOGGED - len(self._first)]
            self._last = (self._last + block)[-_ERRORS_KEPT:]

    def _log_errors(self) -> None:
        if self._first and log.isEnabledFor(logging.DEBUG):
            text = redact(self._first.decode("utf-8", "replace"))
            log.debug("MCP 服务「%s」的错误输出：%s", self._settings.name, text)


def check_airgap(settings: McpSettings) -> None:
    """Raises ConfigError: where a program connects to is not ours to govern."""
    if is_airgapped() and not settings.airgapped_ok:
        raise ConfigError(
            f"气隙模式（BIFANG_AIRGAPPED=1）不启动 MCP 服务「{settings.name}」的程序：毕方管不到它连接哪里。"
            "确认它只连接内网以后，由运维在 apply_configs 的文件里写 airgapped_ok: true。"
        )


def find_program(settings: McpSettings) -> str:
    """The whole path of what is run. Raises ConfigError."""
    name = settings.command[0]
    found = shutil.which(name, path=PATH)
    if found is None:
        where = "" if name.startswith("/") else f"（在 {PATH} 中）"
        raise ConfigError(
            f"MCP 服务「{settings.name}」的程序 {name} 找不到或不能执行{where}：请运维核对 command。"
        )
    if settings.cwd and not os.path.isdir(settings.cwd):
        raise ConfigError(f"MCP 服务「{settings.name}」的目录 {settings.cwd} 不存在：请运维核对 cwd。")
    return found


def _plain(line: str) -> str:
    return literal(visible(redact(line.strip())))[:_SHOWN]
