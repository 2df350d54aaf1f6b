"""A bot of a few lines for the tests of the simulator, on `websockets` and plain HTTP."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from simulators.feishu.frames import CONTROL, DATA, Frame, decode, encode
from tests.feishu_simulator import FeishuHandle

CREDENTIALS = {"AppID": "cli_demo", "AppSecret": "demo-secret"}
WITHIN = 120.0


class Robot:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def receive(self, within: float = WITHIN) -> Frame:
        """The next frame."""
        raw = self.socket.recv(timeout=within)
        assert isinstance(raw, bytes)
        return decode(raw)

    def receive_event(self) -> tuple[Frame, dict[str, Any]]:
        """The next event that comes in one piece, parsed."""
        frame = self.receive()
        assert (frame.method, frame.headers["type"], frame.headers["sum"]) == (DATA, "event", "1")
        return frame, json.loads(frame.payload)

    def ack(self, frame: Frame, code: int = 200, data: Any = None) -> None:
        """Send the received frame back."""
        coded = base64.b64encode(json.dumps(data).encode()).decode() if data is not None else None
        payload = json.dumps({"code": code, "headers": None, "data": coded}).encode()
        headers = {**frame.headers, "biz_rt": "5"}
        self.send(Frame(frame.seq_id, frame.log_id, frame.service, frame.method, headers, payload))

    def ping(self) -> None:
        """Ask for a pong."""
        self.send(Frame(0, 0, 7, CONTROL, {"type": "ping"}))

    def send(self, frame: Frame) -> None:
        """Any frame."""
        self.socket.send(encode(frame))


def open_endpoint(sim: FeishuHandle) -> dict[str, Any]:
    """URL and ClientConfig."""
    answer = sim.post("/callback/ws/endpoint", CREDENTIALS)
    assert (answer["code"], answer["msg"]) == (0, "success")
    return answer["data"]


@contextmanager
def connected(sim: FeishuHandle) -> Iterator[Robot]:
    """A robot that is connected for the length of the block."""
    with connect(open_endpoint(sim)["URL"], proxy=None, close_timeout=1) as socket:
        sim.wait_connected()
        yield Robot(socket)
