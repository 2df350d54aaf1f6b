"""A connection to PostgreSQL that an event loop reads: whoever asks sends, who goes on with the answer receives it."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS, connections

from bifang.core.backoff import Backoff
from bifang.core.express.errand import Errand, Found, Row, Then
from bifang.core.prepared import PLACE

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

log = logging.getLogger(__name__)
LARGEST = 32 * 1024  # bytes of an errand's values: they fit the buffers of a socket
MOST = 64  # statements kept prepared
LATEST = 10.0  # seconds: who has no answer then goes through a thread
# The types bool, int8, int2, int4 of every PostgreSQL; the rest comes as text.
_READERS: Final[Mapping[int, Callable[[bytes], Any]]] = {16: b"t".__eq__, 20: int, 21: int, 23: int}


@dataclass(frozen=True, slots=True)
class _Prepared:
    name: bytes
    places: tuple[str, ...]


_Call = tuple[bytes, list[bytes | None]]  # the name of a statement, its values


class PostgresLine:
    """In pipeline mode: the statements of an errand go out together and are one transaction. Made in the loop's thread."""

    def __init__(self, submit: Callable[[Callable[[], None]], Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._submit = submit  # to open it, on a thread
        self._lock = threading.Lock()  # libpq wants one thread at a time
        self._link: Any = None
        self._server: PGconn | None = None
        self._socket = -1  # a lost connection does not tell it any more
        self._known: dict[str, _Prepared] = {}
        self._hopeless: set[str] = set()  # what the server would not prepare
        self._then: Then | None = None  # of the errand under way
        self._since = 0.0  # it is under way
        self._results: list[PGresult] = []
        self._opening = self._closed = False
        self._open_again = 0.0
        self._backoff = Backoff(base=1.0, cap=30.0)
        self._watch()

    def start(self, errand: Errand[Any], then: Then) -> bool:
        """See `Line`."""
        if self._server is None:
            self._open_soon()
            return False
        calls = self._calls(errand)
        if calls is None:
            return False

        def send(server: "PGconn") -> None:
            for name, values in calls:
                server.send_query_prepared(name, values)

        return self._send(send, then)

    def _calls(self, errand: Errand[Any]) -> list[_Call] | None:
        """None: not all of it is prepared, or it is large, or nothing that PostgreSQL could hold."""
        known = [self._known.get(step.text) for step in errand.steps]
        calls: list[_Call] = []
        for step, one in zip(errand.steps, known, strict=True):
            if one is None:
                self._tell(self._prepare, [step.text for step in errand.steps])
                return None
            try:
                calls.append((one.name, [_encoded(step.given[name]) for name in one.places]))
            except UnicodeEncodeError:
                return None
        given = [value for _, values in calls for value in values if value]
        return None if sum(map(len, given)) > LARGEST or any(b"\0" in value for value in given) else calls

    def _tell(self, work: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(work, *args)

    def _send(self, send: "Callable[[PGconn], None]", then: Then) -> bool:
        import psycopg

        with self._lock:
            server = self._server
            if server is None or self._then is not None:
                return False
            self._then, self._since = then, self._loop.time()
            try:
                send(server)
                server.pipeline_sync()
                left = server.flush()
            except psycopg.Error:
                self._then = None
                self._tell(self._lose, server)
                return False
        if left:
            self._tell(self._push, server)
        return True

    def _push(self, server: "PGconn") -> None:
        """What the socket did not take at once."""
        import psycopg

        with self._lock:
            try:
                left = self._server is server and server.flush()
            except psycopg.Error:
                left = False  # reading will tell
        if left:
            self._loop.call_later(0.001, self._push, server)

    def _prepare(self, texts: Sequence[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if len(self._known) + len(new) > MOST or self._hopeless.intersection(texts):
            return
        found = {text: _placed(text, len(self._known) + at) for at, text in enumerate(new)}

        def send(server: "PGconn") -> None:
            for sql, one in found.values():
                server.send_prepare(one.name, sql)

        def then(done: Found | None) -> None:
            if done is not None:
                self._known |= {text: one for text, (_, one) in found.items()}
            elif self._server is not None:
                self._hopeless.update(new)

        self._send(send, then)

    def _ready(self, server: "PGconn") -> None:
        """Something came from the server."""
        import psycopg

        with self._lock:
            if self._server is not server:
                return
            try:
                complete, lost = self._read(server), False
            except psycopg.Error:
                complete, lost = False, True
            if complete:
                results, self._results = self._results, []
                then, self._then = self._then, None
        if lost:
            self._lose(server)
        elif complete and then is not None:
            then(_found(results))

    def _read(self, server: "PGconn") -> bool:
        """True at the end of an errand. Raises psycopg's errors."""
        from psycopg.pq import ExecStatus

        server.consume_input()
        while self._then is not None and not server.is_busy():
            result = server.get_result()
            if result is None:
                continue  # the end of one statement
            if result.status == ExecStatus.PIPELINE_SYNC:
                return True
            self._results.append(result)
        return False

    def _watch(self) -> None:
        """A connection that is dead and does not tell must not hold anybody up."""
        with self._lock:
            late = self._then is not None and self._loop.time() - self._since > LATEST
        if late and self._server is not None:
            log.warning("数据库超过 %.0f 秒没有回应一条消息的语句，改由线程重试", LATEST)
            self._lose(self._server)
        if not self._closed:
            self._loop.call_later(LATEST / 10, self._watch)

    def _open_soon(self) -> None:
        with self._lock:
            if self._closed or self._opening or self._loop.time() < self._open_again:
                return
            self._opening = True
        self._submit(self._open)

    def _open(self) -> None:
        try:
            maker: Any = connections.create_connection(DEFAULT_DB_ALIAS)
            maker.connect()
            link = maker.connection  # psycopg's: Django's own closes in no event loop
            link.pgconn.nonblocking = 1
            link.pgconn.enter_pipeline_mode()
        except Exception:
            log.debug("直连数据库失败，稍后再试", exc_info=True)
            self._open_again = self._loop.time() + self._backoff.next()
            self._opening = False
        else:
            self._tell(self._take, link)

    def _take(self, link: Any) -> None:
        self._opening = False
        if self._closed:
            link.close()
            return
        server = link.pgconn
        self._known, self._hopeless, self._results, self._link = {}, set(), [], link
        self._socket = server.socket
        self._loop.add_reader(self._socket, self._ready, server)
        self._backoff.up()
        self._server = server

    def _lose(self, server: "PGconn") -> None:
        """In the loop's thread."""
        with self._lock:
            if self._server is not server:
                return
            then, self._then = self._then, None
            link, self._link, self._server = self._link, None, None
            self._open_again = self._loop.time() + self._backoff.next()
        self._loop.remove_reader(self._socket)
        link.close()
        if then is not None:
            then(None)

    def close(self) -> None:
        """See `Line`."""
        self._closed = True
        if self._server is not None:
            self._lose(self._server)


def _placed(text: str, number: int) -> tuple[bytes, _Prepared]:
    places: dict[str, int] = {}
    sql = PLACE.sub(lambda at: f"${places.setdefault(at[1], len(places) + 1)}" if at[1] else "%", text)
    return sql.encode(), _Prepared(f"express_{number}".encode(), tuple(places))


def _encoded(value: Any) -> bytes | None:
    return None if value is None else str(value).encode()


def _found(results: "Sequence[PGresult]") -> Found | None:
    """None if one of them is an error."""
    from psycopg.pq import ExecStatus

    if any(one.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK) for one in results):
        return None
    return [_table(one) for one in results]


def _table(result: "PGresult") -> list[Row]:
    readers = [_READERS.get(result.ftype(at), bytes.decode) for at in range(result.nfields)]
    return [
        tuple(
            None if (value := result.get_value(row, at)) is None else read(value)
            for at, read in enumerate(readers)
        )
        for row in range(result.ntuples)
    ]
