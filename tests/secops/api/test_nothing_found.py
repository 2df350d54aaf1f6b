"""What the API answers to a report in which there is nothing, and to one that only looks like it."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from secops_agent.models import ImportJob
from secops_agent.services.intake import receipts
from tests.secops.api.callers import with_token
from tests.secops.importers.test_suricata import EVENT

pytestmark = pytest.mark.django_db
STATS = {"event_type": "stats", "timestamp": "2026-11-24T08:00:00.000000+0000", "stats": {}}


def test_a_report_that_found_nothing_says_so_and_one_with_a_hollow_result_does_not() -> None:
    report = {"SchemaVersion": 2, "ArtifactName": "web:1", "ArtifactType": "container_image", "Results": []}
    client = with_token("ingest")
    none = client.post("/api/v1/ingest/trivy/", json.dumps(report), "application/json").json()
    assert (none["note"], none["rejected"]) == ("报告里没有发现", [])
    hollow = client.post("/api/v1/ingest/trivy/", json.dumps(report | {"Results": [{}]}), "application/json")
    assert (hollow.status_code, "note" in hollow.json()) == (422, False)
    assert hollow.json()["rejected"] == [{"position": "Results[0]", "reason": "是空的，没有内容可以导入"}]


def test_the_row_of_an_hour_says_that_nothing_came_only_if_nothing_did() -> None:
    client = with_token("ingest")
    for event, note in ((STATS, True), (STATS, True), (EVENT, False)):
        answer = client.post("/api/v1/ingest/suricata/", json.dumps(event), "application/json")
        assert (answer.status_code, "note" in answer.json()) == (200, note), answer.content
        hour = timezone.now().replace(minute=10)
        ImportJob.objects.update(created_at=hour)
        receipts.gather(hour + timedelta(minutes=30))
        assert ("note" in ImportJob.objects.get().outcome) == note
    assert ImportJob.objects.get().outcome["created"]["alert"] == 1
