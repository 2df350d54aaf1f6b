"""A receiver of OTLP and of Sentry's envelopes, on a port of this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """``posts``: (path, headers, body) of everything that came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.posts: list[tuple[str, dict[str, str], bytes]] = []

    def spans(self) -> list[dict[str, Any]]:
        """All of them, with their attributes as a mapping under "told"."""
        found = []
        for _, _, body in self.posts:
            for resource in json.loads(body)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    found += [{**span, "told": _mapping(span["attributes"])} for span in scope["spans"]]
        return found


def _mapping(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in attributes}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Runs for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
