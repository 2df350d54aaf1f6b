"""What the API answers to a report in which there is nothing, and to one that only looks like it."""

import json

import pytest

from tests.secops.api.callers import with_token

pytestmark = pytest.mark.django_db


def test_a_report_that_found_nothing_says_so_and_one_with_a_hollow_result_does_not() -> None:
    report = {"SchemaVersion": 2, "ArtifactName": "web:1", "ArtifactType": "container_image", "Results": []}
    client = with_token("ingest")
    none = client.post("/api/v1/ingest/trivy/", json.dumps(report), "application/json").json()
    assert (none["note"], none["rejected"]) == ("报告里没有发现", [])
    hollow = client.post("/api/v1/ingest/trivy/", json.dumps(report | {"Results": [{}]}), "application/json")
    assert (hollow.status_code, "note" in hollow.json()) == (422, False)
    assert hollow.json()["rejected"] == [{"position": "Results[0]", "reason": "是空的，没有内容可以导入"}]
