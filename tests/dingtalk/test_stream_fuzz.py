"""Whatever comes down the socket, the next good message still arrives and is acked."""

import itertools
import json
import random

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


EXAMPLES = 50


def damage(frame: str | bytes, chance: random.Random) -> str | bytes:
    """The frame with something cut out, doubled or replaced: what no grammar would think of."""
    text = frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
    start, end = sorted(chance.choices(range(len(text) + 1), k=2))
    middle = chance.choice((b"", text[start:end] * 2, chance.randbytes(end - start), b"\0", b"]}", b"\xff"))
    damaged = text[:start] + middle + text[end:]
    return damaged if chance.random() < 0.3 else damaged.decode("utf-8", "replace")


@pytest.fixture(scope="module", params=[2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def stream(request):
    with scripted_gateway() as gateway, running_client(gateway.base) as running:
        wait_until(lambda: gateway.sockets)
        numbers, sent = itertools.count(), []
        yield gateway, running, numbers, sent, request.param
        assert sum(sent) >= request.param


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd=st.lists(TEXTS, min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_stream_survives_thousands_of_odd_frames(stream, odd, seed):
    gateway, running, numbers, sent, all_of_them = stream
    chance, number = random.Random(seed), next(numbers)
    many = all_of_them // EXAMPLES - len(odd)
    frames = [*odd, *(damage(chance.choice([*odd, chat_frame(0)]), chance) for _ in range(many))]
    gateway.push(*frames, chat_frame(f"-good-{number}"))
    sent.append(len(frames))
    wait_until(
        lambda: any(row["headers"].get("messageId") == f"m-good-{number}" for row in gateway.received[-400:]),
        every=0.002,
    )
    assert len(gateway.sockets) == 1
    assert running.state.status == "connected"
