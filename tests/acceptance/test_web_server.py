"""The web server as deploy/ starts it: slow clients hold no thread for ever, and nothing it makes is for others."""

import contextlib
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.processes import MANAGE, Started, clean_environment, free_ports, run, uncounted

# The shipped settings, with one thread and less patience.
HASTY = """
import runpy
globals().update(runpy.run_path("deploy/gunicorn.conf.py"))
worker_class.head_s, worker_class.slowest_body = 0.2, 1_000_000
threads = 1
"""
SLOW = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-More: ",
    "half a body": b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=a",
}


@contextlib.contextmanager
def serving(tmp_path: Path, application: str) -> Iterator[int]:
    """The port at which gunicorn serves it."""
    (port,) = free_ports(1)
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(HASTY)
    options = ("-c", config, "--bind", f"127.0.0.1:{port}", "--pythonpath", tmp_path)
    command = (sys.executable, "-m", "gunicorn", application, *options)
    started = Started(command, uncounted(clean_environment(tmp_path)), tmp_path / "web.out")
    try:
        started.wait_for("Booting worker")
        yield port
    finally:
        started.kill()


def ask(port: int, method: bytes = b"GET") -> bytes:
    """What the server says to a good request."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(method + b" /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(1000), b""))


def test_slow_clients_hold_no_thread_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path, "bifang.wsgi") as port, contextlib.ExitStack() as stack:
        for beginning in SLOW.values():
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            slow.sendall(beginning)
        assert ask(port).startswith(b"HTTP/1.1 200")


def test_head_is_answered_without_a_body_and_without_a_warning(tmp_path: Path) -> None:
    with serving(tmp_path, "bifang.wsgi") as port:
        head = ask(port, b"HEAD")
        assert (head[:12], head[-4:], head.count(b"\r\n\r\n")) == (b"HTTP/1.1 200", b"\r\n\r\n", 1)
        assert len(ask(port)) > len(head)
    assert "WARNING" not in (tmp_path / "web.out").read_text()


# Answers only after its client has been cut off.
LATE = """
def application(environ, start_response):
    environ["gunicorn.socket"].recv(1)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"late"]
"""


def test_answer_that_takes_longer_still_goes_out(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(LATE)
    with serving(tmp_path, "late:application") as port:
        assert ask(port).endswith(b"late")


def test_nothing_that_is_made_is_for_others(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o755)
    environment = uncounted(clean_environment(tmp_path))
    assert run((*MANAGE, "migrate"), environment, umask=0o022).returncode == 0
    made = [tmp_path / "var", *(tmp_path / "var").rglob("*")]
    assert {"bifang.sqlite3", "secret.key", "encryption.key"} <= {path.name for path in made}
    assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
