"""A token that knows the keys of two assets joins them, but not what a person has said of one of them."""

import json
from typing import Any

import pytest

from secops_agent.models import Asset, ImportJob, Role
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.intake import ingest
from secops_agent.services.records import AssetRecord, Key
from tests.secops.api.callers import person, with_token
from tests.secops.inventory_aid import person as someone

pytestmark = pytest.mark.both_databases
MINE, THEIRS = (
    {"macs": ["3c:fd:fe:00:00:01"], "hostname": "evil"},
    {"cloud_id": "i-1", "hostname": "pay-gateway"},
)


def send(client: Any, *assets: dict[str, Any]) -> Any:
    body = json.dumps({"assets": [{"name": each["hostname"], **each} for each in assets]})
    answer = client.post("/api/v1/ingest/generic/", body.encode(), "application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def bridge() -> dict[str, Any]:
    return {**THEIRS, "macs": MINE["macs"], "hostname": "evil"}


@pytest.fixture
def two(database: Any) -> tuple[int, int]:
    """The attacker's asset, which is the older one, and one that a person has said something of."""
    client = with_token("ingest")
    send(client, MINE)
    send(client, THEIRS)
    mine, theirs = Asset.objects.order_by("pk").values_list("pk", flat=True)
    inventory.update(theirs, Actor.person(someone(), "admin"), importance="critical", owner="李四")
    return mine, theirs


def test_what_a_person_said_of_an_asset_keeps_it_apart(two: tuple[int, int]) -> None:
    told = send(with_token("ingest"), bridge(), bridge())
    mine, theirs = (Asset.objects.get(pk=pk) for pk in two)
    assert (mine.importance, mine.owner, theirs.importance, theirs.name) == (
        "",
        None,
        "critical",
        "pay-gateway",
    )
    assert told["apart"] == [f"「evil」（编号 {mine.pk}）、「pay-gateway」（编号 {theirs.pk}）"]
    assert ImportJob.objects.latest("pk").outcome["apart"] == told["apart"]


def test_a_new_asset_is_kept_apart_within_one_file(two: tuple[int, int]) -> None:
    other = {"macs": ["3c:fd:fe:00:00:02"], "hostname": "other"}
    told = send(with_token("ingest"), other, {**other, **THEIRS, "hostname": "other"})
    assert Asset.objects.count() == 3
    assert told["apart"] == [f"「pay-gateway」（编号 {two[1]}）、「other」（新资产）"]


def test_what_nobody_said_anything_of_is_joined(database: Any) -> None:
    client = with_token("ingest")
    send(client, MINE)
    send(client, THEIRS)
    assert "apart" not in send(client, bridge())
    assert Asset.objects.count() == 1


@pytest.mark.slow
def test_a_person_joins_them_with_the_same_file(two: tuple[int, int]) -> None:
    assert "apart" not in send(person(Role.ANALYST), bridge())
    assert Asset.objects.get().importance == "critical"


@pytest.mark.parametrize("via", ["stream:总线", "syslog", "pull"])
def test_what_comes_in_by_itself_joins_no_more_than_a_token(two: tuple[int, int], via: str) -> None:
    keys = (Key("cloud_id", "i-1"), Key("mac", "3c:fd:fe:00:00:01"))
    outcome = ingest.store([AssetRecord("host", "evil", keys)], Actor.system(via))
    assert (Asset.objects.count(), len(outcome.apart)) == (2, 1)
