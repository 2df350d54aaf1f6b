"""The web server's settings, everywhere: ``gunicorn bifang.wsgi -c deploy/gunicorn.conf.py --bind … --workers …``."""

import contextlib
import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class PatientWorker(ThreadWorker):
    """Waits for a request only so long: a client that sends it byte by byte would hold a thread for ever.

    A proxy in front that buffers requests spares the threads even this wait.
    """

    head_s = 10.0
    slowest_body = 64 * 1024  # bytes a second

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until: dict[Any, float] = {}  # connection → when it must have sent its request

    def handle(self, conn: Any) -> Any:
        """One request, from its first byte to the answer."""
        self._until[conn] = time.monotonic() + self.head_s
        try:
            return super().handle(conn)
        finally:
            self._until.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """The head is there; a body may follow."""
        length = dict(req.headers).get("CONTENT-LENGTH", "")
        size = int(length) if length.isdigit() else 0
        self._until[conn] = time.monotonic() + self.head_s + size / self.slowest_body
        return super().handle_request(req, conn)

    def notify(self) -> None:
        """Called every second. What has not come by now is cut off; an answer still goes out."""
        super().notify()
        now = time.monotonic()
        for conn, until in list(self._until.items()):
            if now > until:
                self._until.pop(conn, None)
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)


worker_class = PatientWorker
threads = 4
graceful_timeout = 8
control_socket_disable = True
# A worker is replaced before what it keeps adds up; not all at once.
max_requests, max_requests_jitter = 10_000, 2_000
# A head of 100 fields of 8 KB would be 800 KB for every connection.
limit_request_fields, limit_request_field_size = 64, 8190
