"""A cursor is what a list gave out: anything else, whatever a field would make of it, is told to be none."""

import base64
import json
from typing import Any

import pytest

from tests.secops.api.callers import estate, with_token

pytestmark = pytest.mark.django_db
LISTS = ("alerts", "assets", "vulnerabilities", "findings", "runbooks")
FORGED: tuple[Any, ...] = (
    ["x", "y"], [1, 2], ["\ud800", 1], [{"t": "0001-01-01T00:00:00+00:00"}, 1], [None, 1], [True, 1], [1e400, 1], [[], {}],
    [2**63, 1], [1], "x", {"t": 1},
)  # fmt: skip


def forged(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_forged_cursor_is_refused(name: str) -> None:
    estate(3)
    client = with_token("read")
    genuine = client.get("/api/v1/alerts/?limit=1").json()["next_cursor"]
    odd = [*map(forged, FORGED), f"{genuine[:-1]}é", "\ud800", genuine.replace(".", ""), "." * 200]
    odd += [f"{forged(values)}.{genuine.partition('.')[2]}" for values in FORGED]
    for cursor in [*odd, *([genuine] if name != "alerts" else [])]:
        answer = client.get(f"/api/v1/{name}/", {"cursor": cursor.encode("utf-8", "surrogatepass")})
        assert (answer.status_code, name) == (400, name), cursor
        assert "cursor" in str(answer.json()["error"])


def test_cursor_of_another_order_is_refused() -> None:
    estate(3)
    client = with_token("read")
    cursor = client.get("/api/v1/alerts/?limit=1&ordering=-last_seen").json()["next_cursor"]
    assert client.get(f"/api/v1/alerts/?limit=1&ordering=-last_seen&cursor={cursor}").status_code == 200
    assert client.get(f"/api/v1/alerts/?limit=1&ordering=last_seen&cursor={cursor}").status_code == 400
