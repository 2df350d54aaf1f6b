"""A local 云安全中心: DescribeSuspEvents behind Alibaba's signature, which it reckons by itself.

    with FakeAliyun() as fake:
        fake.events.append(event(1, at))
        configs.save("aliyun_sas", …, {"endpoint": fake.address, …})

Times of a query are the console's (Asia/Shanghai); those of an event are milliseconds. What was not seen on the real
service: whether its order is this one, and how late an event is shown.
"""

import hashlib
import hmac
import json
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

KEY_ID, KEY_SECRET = "LTAI5tExample", "an-access-key-secret-of-nobody"
ZONE = ZoneInfo("Asia/Shanghai")
SIGNED = {
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
}
Refusal = tuple[int, str, str]


def event(number: int, at: datetime, *, status: int = 1, handled: datetime | None = None) -> dict[str, Any]:
    """An alert as DescribeSuspEvents lists it; ``handled``: when somebody dealt with it."""
    return {
        "Id": number, "AlarmUniqueInfo": f"8df914418f4211fb{number:08}", "Uuid": f"bffb12c3-590a-4db2-b538-{number % 40:012}",
        "AlarmEventName": "WEBSHELL", "AlarmEventNameDisplay": "发现后门(Webshell)文件", "AlarmEventType": "网站后门", "Level": "serious",
        "EventStatus": status, "InstanceName": f"web-{number % 40:02}", "InstanceId": f"i-e{number % 40:04}", "IntranetIp": f"10.1.0.{number % 40 + 1}",
        "OccurrenceTimeStamp": int(at.timestamp() * 1000), "LastTimeStamp": int(at.timestamp() * 1000),
        "OperateTime": int(handled.timestamp() * 1000) if handled else None, "Desc": "在网站目录中发现后门文件。", "Details": [],
    }  # fmt: skip


class FakeAliyun:
    """The server. ``refusals`` are given first, in their order; ``asked`` is what came, in good order or not."""

    def __init__(self, *, clock_ahead: timedelta = timedelta()) -> None:
        self.events: list[dict[str, Any]] = []
        self.refusals: deque[Refusal | None] = deque()
        self.asked: list[dict[str, str]] = []
        self.allowed = True
        self.clock_ahead = clock_ahead
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = urlsplit(self.path).query
                status, told = fake._answer(
                    query, {name.lower(): value for name, value in self.headers.items()}
                )
                body = json.dumps(told).encode()
                self.send_response_only(status)
                self.send_header("Date", f"{fake._now():%a, %d %b %Y %H:%M:%S GMT}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def _answer(self, query: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = dict(parse_qsl(query, keep_blank_values=True))
        with self._lock:
            self.asked.append(asked)
            refusal = self.refusals.popleft() if self.refusals else None
            refusal = refusal or self._identity(asked, headers)
            if refusal:
                return refusal[0], {"RequestId": "0B48AB3C-84FC", "Code": refusal[1], "Message": refusal[2]}
            return 200, self._page(asked)

    def _identity(self, asked: dict[str, str], headers: dict[str, str]) -> Refusal | None:
        """As the documentation of request structure V3 has it."""
        algorithm, _, rest = headers.get("authorization", "").partition(" ")
        parts = dict(part.partition("=")[::2] for part in rest.split(","))
        names = parts.get("SignedHeaders", "").split(";")
        if algorithm != "ACS3-HMAC-SHA256" or not set(names) >= SIGNED or names != sorted(names):
            return 400, "IncompleteSignature", "The request signature does not conform to Aliyun standards."
        if parts["Credential"] != KEY_ID:
            return 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
        at = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(self._now() - at) > timedelta(minutes=15):
            return 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
        if headers["x-acs-signature-nonce"] in self._nonces:
            return 400, "SignatureNonceUsed", "Specified signature nonce was used already."
        self._nonces.add(headers["x-acs-signature-nonce"])
        if parts.get("Signature") != self._signature(asked, headers, names):
            return 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."
        if not self.allowed:
            return 403, "NoPermission", "You are not authorized to do this action."
        return None

    def _signature(self, asked: dict[str, str], headers: dict[str, str], names: list[str]) -> str:
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(asked.items())
        )
        told = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = f"POST\n/\n{query}\n{told}\n{';'.join(names)}\n{hashlib.sha256(b'').hexdigest()}"
        said = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
        return hmac.new(KEY_SECRET.encode(), said.encode(), hashlib.sha256).hexdigest()

    def _page(self, asked: dict[str, str]) -> dict[str, Any]:
        handled = asked["Dealed"] == "Y"
        column, words = ("OperateTime", "OperateTime") if handled else ("LastTimeStamp", "Time")
        first, last = (_milliseconds(asked[f"{words}{end}"]) for end in ("Start", "End"))
        found = [
            one
            for one in self.events
            if bool(one["OperateTime"]) == handled and first <= one[column] <= last + 999
        ]
        found.sort(key=lambda one: one[column], reverse=not handled)
        page, size = int(asked["CurrentPage"]), min(int(asked["PageSize"]), 100)
        shown = found[(page - 1) * size : page * size]
        return {
            "RequestId": "0B48AB3C",
            "CurrentPage": page,
            "PageSize": size,
            "TotalCount": len(found),
            "Count": len(shown),
            "SuspEvents": shown,
        }


def _milliseconds(written: str) -> int:
    at = datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
    return int(at.timestamp() * 1000)
