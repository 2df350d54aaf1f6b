"""The process that gunicorn starts, with waitress in it."""

import io
import logging
import os
import socket
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from django.apps import apps
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from bifang.core.requests.bodies import ANNOUNCED, LIMIT
from bifang.web_server.requests import LARGEST_HEAD, HttpRefusal, IncomingRequest, RelayedAnswer, RequestTask

# Connections: buffered by an event loop, within bounds of time and size.

log = logging.getLogger(__name__)
HEAD_S: Final = 10.0  # a head must be there
IDLE_S: Final = 15.0  # a connection without a request is kept
STALL_S: Final = 30.0  # a body or an answer may stand still
# Bytes a second, of bodies and answers: what comes or goes gives so much more time, up to `STALL_S`.
SLOWEST: Final = 32 * 1024
# After a refusal, what is still being sent is read for so long: a connection reset would hide the refusal.
LINGER_S: Final = 2.0
# Each may need a file beside its socket, and a process has 1,024.
MOST_CONNECTIONS: Final = 400
# Of bodies that are still arriving, in a process. What is beyond a small part of each is on the disk.
MOST_BUFFERED: Final = 1 << 30


class HeadCheck:
    """A task of the threads: may the body come? The application answers by the head."""

    def __init__(self, channel: "BufferedConnection", request: IncomingRequest) -> None:
        self._channel = channel
        self._request = request

    def service(self) -> None:
        """Ask, and go on reading or answer with the refusal."""
        try:
            answer = self._ask()
        except Exception:
            log.exception("按请求头判断能否接收请求体时出错")
            answer = RelayedAnswer("500 Internal Server Error", [], b"")
        status, headers, _ = answer.answer
        most = next((int(value) for name, value in headers if name == LIMIT), 0)
        if status.startswith("204") and most:
            self._request.admit(most)
            self._channel.decide(self._request, None)
        else:
            self._channel.decide(self._request, answer)

    def cancel(self) -> None:
        """The server stops."""
        self._channel.cancel()

    def _ask(self) -> RelayedAnswer:
        environ = dict(RequestTask(self._channel, self._request).get_environment())
        environ[ANNOUNCED] = self._request.content_length  # 0: it does not say
        environ |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
        told: list[tuple[str, list[tuple[str, str]]]] = []
        body = self._channel.server.application(
            environ, lambda status, headers, _=None: told.append((status, headers))
        )
        try:
            text = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        return RelayedAnswer(*told[-1], text)


class BufferedConnection(HTTPChannel):
    """A connection, with a time by which something must have happened."""

    request: IncomingRequest | None
    requests: list[IncomingRequest]
    close_when_flushed: bool
    parser_class = IncomingRequest
    task_class = RequestTask
    error_task_class = HttpRefusal
    refused = False
    asking = False
    lingering = False
    writing = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.until = time.monotonic() + HEAD_S
        super().__init__(*args, **kwargs)

    @property
    def buffered(self) -> int:
        """Bytes of a body that is still arriving."""
        return self.request.body_bytes_received if self.request is not None else 0

    @property
    def is_busy(self) -> bool:
        """Is there anything that a stopping server should wait for?"""
        arriving = self.request is not None and self.request.headers_finished
        return bool(self.requests or self.total_outbufs_len or self.asking or arriving)

    def readable(self) -> bool:
        """Not while the application is asked about the head."""
        return self.lingering or (not self.asking and bool(super().readable()))

    def recv(self, size: int) -> bytes:
        """Bytes; those of a body give more time."""
        data: bytes = super().recv(size)
        if self.request is not None and self.request.headers_finished:
            self._moved(len(data))
        return data

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How many bytes went out; they give more time."""
        sent: int = super().send(data, do_close=do_close)
        self._moved(sent)
        return sent

    def _flush_some(self, do_close: bool = True) -> bool:
        """Waitress does not lock what it flushes while no request runs; but a thread that lets a body come sends
        「100 Continue」 just then, and both sent it."""
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close=do_close))

    def _moved(self, size: int) -> None:
        self.until = min(time.monotonic() + STALL_S, self.until + size / SLOWEST)

    def received(self, data: bytes) -> bool:
        """Take what came; a new request has its own time."""
        if self.lingering:
            return False
        before = self.request
        taken = bool(super().received(data))
        request = self.request
        if request is not before:
            self.until = time.monotonic() + (IDLE_S if request is None else HEAD_S)
        self.refused = self.refused or any(each.error for each in self.requests)
        if request is not None and request.must_ask and not self.asking:
            self.asking = True
            self.server.add_task(HeadCheck(self, request))
        return taken

    def send_continue(self) -> None:
        """Not before the body may come."""
        if self.request is not None and not self.request.must_ask:
            super().send_continue()

    def decide(self, request: IncomingRequest, refusal: RelayedAnswer | None) -> None:
        """In a thread: the body may come, or this is the answer."""
        with self.requests_lock:
            self.asking = False
            self.until = time.monotonic() + HEAD_S
            if refusal is None:
                if request.expect_continue and not self.sent_continue:
                    self.send_continue()
            elif self.connected:
                request.error, request.completed, self.request, self.refused = refusal, True, None, True
                self.requests.append(request)
        if refusal is not None and len(self.requests) == 1:
            self.service()  # behind another, it follows by itself
        self.server.pull_trigger()

    def handle_write(self) -> None:
        """After a refusal, what the client is still sending is read and thrown away for a while."""
        if self.refused and self.close_when_flushed and not self.total_outbufs_len and self.connected:
            self.close_when_flushed = False
            self.lingering, self.until = True, time.monotonic() + LINGER_S
            self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_write()

    def check(self, now: float) -> None:
        """Every second: what stands still is closed. While the application works on an answer, nothing does."""
        if self.requests and not self.total_outbufs_len:
            self.until = now + IDLE_S
        elif self.total_outbufs_len and not self.writing:
            self.until = now + STALL_S
        elif self.writing and not self.total_outbufs_len and not self.lingering:
            self.until = now + IDLE_S
        self.writing = bool(self.total_outbufs_len)
        if now > self.until and not self.asking:
            self.will_close = True


class BufferingServer(TcpWSGIServer):
    """The connections of one listening socket."""

    channel_class = BufferedConnection

    def getsockname(self) -> Any:
        """(host, port), as the application is told; a Unix socket has neither."""
        return super().getsockname() if self.family != socket.AF_UNIX else ("unix", "0")

    def set_socket_options(self, conn: Any) -> None:
        """Those of TCP."""
        if self.family != socket.AF_UNIX:
            super().set_socket_options(conn)

    def fix_addr(self, addr: Any) -> Any:
        """Who is at the other end; nobody knows of a Unix socket."""
        return addr if self.family != socket.AF_UNIX else ("", 0)

    def handle_accept(self) -> None:
        """A new connection comes in place of the one that has had the most time."""
        if len(self.active_channels) >= MOST_CONNECTIONS:
            self._make_room()
        super().handle_accept()

    def maintenance(self, now: float) -> None:
        """Every second."""
        for channel in list(self.active_channels.values()):
            channel.check(time.monotonic())
        if sum(channel.buffered for channel in self.active_channels.values()) > MOST_BUFFERED:
            self._make_room()

    def _make_room(self) -> None:
        """Close the oldest of those that keep nobody busy: first who has sent no head, then who has shown no right."""
        waiting = [each for each in self.active_channels.values() if not each.requests and not each.asking]
        oldest = min(waiting, key=lambda each: (_worth(each), each.creation_time), default=None)
        if oldest is not None:
            oldest.handle_close()


def _worth(channel: BufferedConnection) -> int:
    if channel.request is None or not channel.request.headers_finished:
        return 1 if channel.total_outbufs_len else 0
    return 2 if channel.request.admitted else 1


IN_MEMORY: Final = 64 * 1024  # bytes of a body or an answer; the rest is on the disk
_STEP_S: Final = 1.0


def _heart() -> AbstractContextManager[object]:
    """The heartbeat of the process, where the application is ours: gunicorn has loaded it by now."""
    if not apps.ready:
        return nullcontext()
    from bifang.channels.models import WEB
    from bifang.channels.workers.programs import Heart

    return Heart(WEB)


class BufferingWorker(Worker):
    """A process of gunicorn's with waitress in it."""

    alive: bool

    def run(self) -> None:
        """Until gunicorn, or the number of requests, says that it is over."""
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for every request that waits
        channels: dict[int, Any] = {}
        self.threads = ThreadedTaskDispatcher()
        self.threads.set_thread_count(self.cfg.threads)
        servers = [self._serve(listener.sock, channels) for listener in self.sockets]
        with _heart():
            while self.alive:
                self.notify()
                wasyncore.poll2(_STEP_S, channels)
                if self.ppid != os.getppid():
                    self.log.info("Parent changed, shutting down: %s", self)
                    self.alive = False
            self._finish(servers, channels)

    def _serve(self, sock: socket.socket, channels: dict[int, Any]) -> BufferingServer:
        adjustments = Adjustments(
            ident=None, cleanup_interval=1, clear_untrusted_proxy_headers=False, connection_limit=MOST_CONNECTIONS * 2,
            max_request_header_size=LARGEST_HEAD, inbuf_overflow=IN_MEMORY, outbuf_overflow=IN_MEMORY,
            recv_bytes=IN_MEMORY, backlog=self.cfg.backlog, channel_timeout=1 << 30,
        )  # fmt: skip
        about = (sock.family, sock.type, sock.proto, sock.getsockname())
        return BufferingServer(
            self._counted,
            channels,
            _sock=sock,
            dispatcher=self.threads,
            adj=adjustments,
            sockinfo=about,
            bind_socket=False,
        )

    def _counted(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        answer: Iterable[bytes] = self.wsgi(environ, start_response)
        return answer

    def _finish(self, servers: list[BufferingServer], channels: dict[int, Any]) -> None:
        """No new connections; answers on their way go out."""
        for server in servers:
            server.del_channel()
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end:
            left = [each for server in servers for each in list(server.active_channels.values())]
            for channel in left:
                channel.check(time.monotonic())
                if not channel.is_busy:
                    channel.handle_close()
            if not any(channel.is_busy for channel in left):
                break
            self.notify()
            wasyncore.poll2(0.1, channels)
        self.threads.shutdown(timeout=0.1)
