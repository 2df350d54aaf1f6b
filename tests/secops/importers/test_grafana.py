"""Grafana's webhook (the example of its own documentation): as Alertmanager's, with values and links."""

from typing import Any

from secops_agent.importers import registry
from secops_agent.services.records import AlertRecord

from .reading_aid import of, read, source_of
from .test_alertmanager import WEBHOOK as ALERTMANAGER

ENTRY: dict[str, Any] = {
    "status": "firing", "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1", "instance": "web-01:9100"},
    "annotations": {"description": "The system has high memory usage", "runbook_url": "https://myrunbook.example/1234", "summary": "us-1"},
    "startsAt": "2021-10-12T09:51:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https://play.grafana.example/alerting/1afz29v7z/edit", "fingerprint": "c6eadffa33fcdf37",
    "silenceURL": "https://play.grafana.example/alerting/silence/new", "dashboardURL": "", "panelURL": "https://play.grafana.example/d/1?viewPanel=2",
    "values": {"B": 44.23943737541908, "C": 1},
}  # fmt: skip
WEBHOOK: dict[str, Any] = {
    "receiver": "My Super Webhook", "status": "firing", "orgId": 1, "alerts": [ENTRY, ENTRY | {"status": "resolved", "endsAt": "2021-10-12T10:00:00Z"}],
    "groupLabels": {}, "commonLabels": {"team": "blue"}, "commonAnnotations": {}, "externalURL": "https://play.grafana.example/",
    "version": "1", "groupKey": "{}:{}", "truncatedAlerts": 0, "title": "[FIRING:1] (blue)", "state": "alerting", "message": "**Firing**",
}  # fmt: skip


def test_grafana_alert_has_its_values_and_panel() -> None:
    firing, resolved = of(read("grafana", WEBHOOK), AlertRecord)
    assert (firing.source, firing.title, firing.dedup_key) == ("grafana", "us-1", ("c6eadffa33fcdf37",))
    assert firing.description.endswith("测量值：B=44.23943737541908，C=1")
    assert firing.references[-1] == "https://play.grafana.example/d/1?viewPanel=2"
    assert (resolved.status_hint, resolved.dedup_key) == ("closed", firing.dedup_key)


def test_grafana_and_alertmanager_are_told_apart() -> None:
    assert registry.detect(source_of(WEBHOOK)) == "grafana"
    assert registry.detect(source_of(ALERTMANAGER)) == "alertmanager"


def test_grafana_under_the_old_address_is_still_read() -> None:
    assert len(of(read("alertmanager", WEBHOOK), AlertRecord)) == 2
