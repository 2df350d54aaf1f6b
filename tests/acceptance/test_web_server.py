"""The web server as deploy/ starts it: silent clients hold no thread, nobody sends more than they may, it ends gently."""

import contextlib
import json
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from waitress.adjustments import Adjustments

from bifang.web_server.worker import BufferedConnection
from tests.acceptance.processes import MANAGE, Started, clean_environment, free_ports, run, uncounted
from tests.hostile_clients import KINDS, besieged

HEAD = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)
SILENT = {
    "nothing": b"", "half a line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-More: ",
    "half a body": HEAD + b"Content-Length: 90000\r\n\r\nusername=a",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nusername=a",
    "an endless body": HEAD + b"Content-Length: 200000000\r\n\r\nusername=a",
    "an answer nobody reads": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
}  # fmt: skip
# The shipped settings with one thread and less patience, and an application beside that answers when it is told to.
HASTY = """
import runpy
from bifang.web_server import worker
globals().update(runpy.run_path("deploy/gunicorn.conf.py"))
worker.HEAD_S = worker.IDLE_S = worker.STALL_S = 0.2
threads = 1
"""
PATIENT = """
import runpy
globals().update(runpy.run_path("deploy/gunicorn.conf.py"))
threads = 1
"""
TELLING = """
import pathlib, threading
home = pathlib.Path(__file__).parent

def application(environ, start_response):
    (home / "asked").touch()
    while not (home / "answer").exists():
        threading.Event().wait(0.05)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"late"]
"""
INGEST = b"POST /api/v1/ingest/generic/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def serving(tmp_path: Path, application: str, config: str = PATIENT, bind: str = "") -> Iterator[Started]:
    """gunicorn with it; `port` is where."""
    file = tmp_path / "gunicorn.conf.py"
    file.write_text(config)
    options = ("-c", file, "--bind", bind, "--pythonpath", tmp_path)
    command = (sys.executable, "-m", "gunicorn", application, *options)
    started = Started(command, uncounted(clean_environment(tmp_path)), tmp_path / "web.out")
    try:
        started.wait_for("Booting worker")
        yield started
    finally:
        started.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a database."""
    made = tmp_path_factory.mktemp("web")
    (made / "var").mkdir()
    (made / "var").chmod(0o755)
    assert run((*MANAGE, "migrate"), uncounted(clean_environment(made)), umask=0o022).returncode == 0
    return made


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """Where Bifang is served with one thread."""
    (found,) = free_ports(1)
    with serving(home, "bifang.wsgi", bind=f"127.0.0.1:{found}"):
        yield found


@pytest.fixture(scope="module")
def token(home: Path) -> bytes:
    """The header of a program that may import."""
    made = run((*MANAGE, "create_api_token", "web", "--scope", "ingest"), uncounted(clean_environment(home)))
    (secret,) = (word for word in made.stdout.split() if word.startswith("bf_"))
    return b"Authorization: Bearer " + secret.encode() + b"\r\n"


def connected(port: int, beginning: bytes = b"") -> socket.socket:
    """A connection on which this was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(beginning)
    return connection


def said(connection: socket.socket) -> bytes:
    """All that comes until the end."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def ask(port: int, method: bytes = b"GET", path: bytes = b"/healthz", more: bytes = b"") -> bytes:
    """What the server says to a good request."""
    with connected(
        port, b"%s %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n" % (method, path, more)
    ) as it:
        return said(it)


def test_silent_clients_hold_no_thread(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for beginning in SILENT.values():
            for _ in range(3):
                stack.enter_context(connected(port, beginning))
        assert ask(port).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_besieged_server_answers(port: int) -> None:
    with besieged(port, dict.fromkeys(KINDS, 33)) as crowd:
        while min(crowd.opened.values()) < 33:
            assert ask(port).startswith(b"HTTP/1.1 200")
        assert ask(port, path=b"/alerts/").startswith(b"HTTP/1.1 302")
        assert ask(port, path=b"/api/v1/alerts/").startswith(b"HTTP/1.1 401")


@pytest.mark.slow
def test_who_stands_still_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLING)
    (found,) = free_ports(1)
    with (
        serving(tmp_path, "telling:application", HASTY, f"127.0.0.1:{found}"),
        contextlib.ExitStack() as stack,
    ):
        late = stack.enter_context(connected(found, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        for name in ("nothing", "half a line", "half a head", "half a body", "half a chunk"):
            assert said(stack.enter_context(connected(found, SILENT[name]))) == b"", name
        (tmp_path / "answer").touch()
        assert said(late).endswith(b"late")  # who waits for us is not cut off


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (HEAD + b"Content-Length: 2700000\r\n\r\nusername=a", b"413"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"413"),
        (INGEST + b"Content-Length: 2700000\r\n\r\n[", b"401"),
        (INGEST + b"Transfer-Encoding: chunked\r\n\r\n", b"401"),
        (INGEST + b"Authorization: Bearer bf_no\r\nContent-Length: 2700000\r\n\r\n[", b"401"),
        (INGEST.replace(b"/api/v1/ingest/generic/", b"/admin/secops_agent/importjob/add/") + b"Content-Length: 2700000\r\n\r\n", b"403"),
    ],
)  # fmt: skip
def test_large_body_of_nobody_is_refused_before_it_is_read(
    port: int, beginning: bytes, status: bytes
) -> None:
    with connected(port, beginning) as connection:
        if b"chunked" in beginning:
            connection.sendall(b"280000\r\n" + b" " * 0x280000 + b"\r\n" + b"10000\r\n" + b" " * 0x10000)
        answer = said(connection)
    assert answer.split(b" ", 2)[1] == status, answer
    if status != b"403":
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


@pytest.mark.slow
def test_refusal_arrives_although_the_body_is_still_being_sent(port: int) -> None:
    with connected(port, HEAD + b"Content-Length: 20000000\r\n\r\n") as connection:
        connection.sendall(b"a" * 3_000_000)
        assert said(connection).startswith(b"HTTP/1.1 413")


def test_body_above_what_a_route_takes_is_refused_by_its_length(port: int, token: bytes) -> None:
    with connected(port, INGEST + token + b"Content-Length: 300000000\r\n\r\n[") as connection:
        assert said(connection).startswith(b"HTTP/1.1 413")


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [False, True])
def test_large_body_with_a_right_is_taken(port: int, token: bytes, chunked: bool) -> None:
    body = b'{"assets": [{"name": "h", "asset_type": "host"}]' + b" " * 3_000_000 + b"}"
    how = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    with connected(port, INGEST + token + how + b"Connection: close\r\n\r\n") as connection:
        connection.sendall(sent)
        answer = said(connection)
    assert answer.split(b" ", 2)[1] == b"202", answer.decode()


def test_two_threads_never_send_the_same_bytes() -> None:
    """The loop flushes what a thread that lets a body come is just sending."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10)
        server = SimpleNamespace(adj=Adjustments(), active_channels={}, pull_trigger=lambda: None)
        connection = BufferedConnection(server, ours, "", server.adj, map={})
        begun, both = threading.Event(), threading.Barrier(2)
        send = connection.send

        def slow(data: bytes, do_close: bool = True) -> int:
            begun.set()
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(0.5)  # until the other sends, too, if nothing keeps it from that
            return send(data, do_close=do_close)

        connection.send = slow  # type: ignore[method-assign]
        connection.outbufs[-1].append(b"100 Continue")
        connection.total_outbufs_len = 12
        thread = threading.Thread(target=connection._flush_some)
        thread.start()
        begun.wait(10)
        connection.handle_write()
        thread.join()
        ours.shutdown(socket.SHUT_WR)
        assert theirs.recv(100) == b"100 Continue"


@pytest.mark.slow
def test_who_waits_for_a_word_hears_it_only_with_a_right(port: int, token: bytes) -> None:
    waiting = b"Expect: 100-continue\r\nContent-Length: 2700000\r\n\r\n"
    with connected(port, INGEST + waiting) as nobody, connected(port, INGEST + token + waiting) as program:
        assert said(nobody).startswith(b"HTTP/1.1 401")
        assert program.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    ],
)
def test_what_two_servers_may_read_otherwise_is_refused(port: int, head: bytes) -> None:
    with connected(port, head) as connection:
        answer = said(connection)
    assert answer.split(b" ", 2)[1] in (b"400", b"431"), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_one_connection_serves_many_requests(port: int) -> None:
    with connected(port) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while b'"ok"' not in answer:
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_head_is_answered_without_a_body_and_without_a_warning(port: int, home: Path) -> None:
    head = ask(port, b"HEAD")
    assert (head[:12], head[-4:], head.count(b"\r\n\r\n")) == (b"HTTP/1.1 200", b"\r\n\r\n", 1)
    assert len(ask(port)) > len(head)
    assert b"server:" not in head.lower()
    assert "WARNING" not in (home / "web.out").read_text()


@pytest.mark.slow
def test_unix_socket_is_served_and_is_no_loopback(home: Path) -> None:
    path = home / "web.sock"
    with serving(home, "bifang.wsgi", bind=f"unix:{path}"), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert said(connection).startswith(b"HTTP/1.1 403")


@pytest.mark.slow
def test_stop_lets_an_answer_out_and_nobody_else_in(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLING)
    (found,) = free_ports(1)
    with (
        serving(tmp_path, "telling:application", bind=f"127.0.0.1:{found}") as server,
        connected(found) as idle,
        connected(found, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as asked,
    ):
        while not (tmp_path / "asked").exists():
            assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert said(idle) == b""
        (tmp_path / "answer").touch()
        assert said(asked).endswith(b"late")
        assert server.process.wait(60) == 0


@pytest.mark.slow
def test_nothing_that_is_made_is_for_others(home: Path) -> None:
    made = [home / "var", *(home / "var").rglob("*")]
    assert {"bifang.sqlite3", "secret.key", "encryption.key"} <= {path.name for path in made}
    assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
