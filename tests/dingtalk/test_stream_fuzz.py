"""Whatever comes down the socket, the next good message still arrives and is acked."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway

TOPICS = ["/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback", "ping", "*", "", 3, None, ["x"]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"topic": st.sampled_from(TOPICS), "messageId": JSON, "time": JSON, "eventBornTime": JSON}
)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["CALLBACK", "EVENT", "SYSTEM", "OTHER", 1, None]),
        "headers": HEADERS | JSON,
        "data": st.text(max_size=30) | JSON.map(json.dumps) | JSON,
        "specVersion": JSON,
    },
)
TEXTS = (
    (FRAMES | JSON).map(json.dumps)
    | st.text(max_size=50).filter(lambda text: text.isprintable())
    | st.binary(max_size=30)
)


@pytest.fixture(scope="module")
def stream():
    with scripted_gateway() as gateway, running_client(gateway.base) as running:
        wait_until(lambda: gateway.sockets)
        yield gateway, running, itertools.count()


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd=st.lists(TEXTS, max_size=5))
def test_stream_survives_any_frames(stream, odd):
    gateway, running, numbers = stream
    number = next(numbers)
    gateway.push(*odd, chat_frame(f"-good-{number}"))
    wait_until(
        lambda: any(row["headers"].get("messageId") == f"m-good-{number}" for row in gateway.received[-20:]),
        every=0.002,
    )
    assert len(gateway.sockets) == 1
    assert running.state.status == "connected"
