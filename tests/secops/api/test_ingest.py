"""Files and webhooks over HTTP: at once, as a job, once only, and what is refused."""

import base64
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from secops_agent.models import Alert, Finding, ImportJob, ImportRun, RememberedAnswer
from secops_agent.models.sources.job import JobState
from secops_agent.services.intake import jobs, receipts
from secops_agent.services.people import tokens
from secops_agent.uploads import body, runner
from tests.secops.api.callers import generic, packed, with_token

pytestmark = pytest.mark.django_db
DOOR = "/api/v1/ingest/generic/"


def send(client: Client, data: bytes, address: str = DOOR, **headers: str) -> Any:
    return client.post(address, data, "application/json", headers=headers)


def staged(data_dir: Path) -> list[Path]:
    return list((data_dir / "ingest").iterdir()) if (data_dir / "ingest").exists() else []


def test_a_small_file_is_imported_at_once() -> None:
    client = with_token("ingest")
    answer = send(client, generic(3))
    assert (answer.status_code, answer.json()["created"]["alert"]) == (200, 3)
    again = send(client, generic(3)).json()
    assert (again["created"]["alert"], again["unchanged"]["alert"], again["rejected"]) == (0, 3, [])


def test_a_list_of_vulnerabilities_is_imported_as_scanners_save_it() -> None:
    client = with_token("ingest")
    listed = "资产IP,漏洞名称,危险级别,工单号\n10.0.0.21,后门(CVE-2026-80001),高危,7\n".encode("gbk")
    first, again = (client.post("/api/v1/ingest/findings_csv/", listed, "text/csv").json() for _ in range(2))
    assert first["created"]["finding"] == 1
    assert [each["reason"] for each in first["rejected"]] == ["没有用到的列：工单号。其余列照常导入。"]
    assert again["created"]["finding"] == 0
    assert Finding.objects.get().vulnerability.vuln_id == "CVE-2026-80001"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["packed", "encoded", "form", "octets", "unslashed"])
def test_a_file_comes_in_many_ways(way: str) -> None:
    client, data = with_token("ingest"), generic(2)
    if way == "packed":
        answer = send(client, packed(data))
    elif way == "encoded":
        answer = send(client, packed(data), **{"Content-Encoding": "gzip"})
    elif way == "form":
        answer = client.post(DOOR, {"file": SimpleUploadedFile("导出.json", data)})
    elif way == "octets":
        answer = client.post(DOOR, data, "application/x-www-form-urlencoded", headers={"Accept": "text/html"})
    else:
        answer = send(client, data, DOOR.rstrip("/"))
    assert (answer.status_code, answer.json()["created"]["alert"]) == (200, 2), answer.content.decode()


def test_the_sender_names_the_asset_and_the_source() -> None:
    sarif = {
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "semgrep", "rules": []}},
                "results": [{"ruleId": "r1", "level": "error", "message": {"text": "SQL 注入"}}],
            }
        ],
    }
    address = "/api/v1/ingest/sarif/?asset=https://git.corp.example/team/shop&asset_type=repository&source=semgrep-ci"
    assert send(with_token("ingest"), json.dumps(sarif).encode(), address).status_code == 200
    row = Finding.objects.select_related("asset").get()
    assert (row.source, row.asset.asset_type, row.asset.name.endswith("team/shop")) == (
        "semgrep-ci",
        "repository",
        True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "data", "status", "word"),
    [
        ("/api/v1/ingest/nothing/", b"{}", 404, "alertmanager"),
        ("/api/v1/ingest/auto/", b"{}", 404, "import_data auto"),
        (DOOR, b"", 400, "没有内容"),
        (DOOR, b'{"runs": [], "version": "2.1.0", "$schema": "sarif"}', 400, "像是 sarif"),
        (DOOR, b"\x00\x01\x02", 400, "二进制"),
        (DOOR, b"PK\x03\x04zip", 400, "压缩内容损坏"),
        (DOOR + "?asset=web-01&asset_type=planet", 400, 400, "asset_type"),
        (DOOR + "?colour=red", 400, 400, "不认识这个参数"),
    ],
)  # fmt: skip
def test_what_is_no_import_is_refused(address: str, data: Any, status: int, word: str) -> None:
    answer = send(with_token("ingest"), data if isinstance(data, bytes) else generic(), address)
    assert answer.status_code == status
    assert word in str(answer.json()["error"])


def test_a_body_of_another_encoding_is_refused() -> None:
    assert send(with_token("ingest"), generic(), **{"Content-Encoding": "br"}).status_code == 415


def test_a_form_without_a_file_is_refused() -> None:
    assert "一个文件" in with_token("ingest").post(DOOR, {"text": "x"}).json()["error"]["message"]


def test_what_is_too_large_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, database: Any
) -> None:
    monkeypatch.setattr("secops_agent.api.intake.ingest.LARGEST", 10)
    monkeypatch.setattr("secops_agent.api.intake.ingest._CHUNK", 10)
    assert send(with_token("ingest"), generic()).status_code == 413
    monkeypatch.undo()
    monkeypatch.setattr(body, "LARGEST", body.SMALL + 1)
    assert send(with_token("ingest"), b"x" * (body.SMALL + 2)).status_code == 413
    assert staged(database.data_dir) == []


@pytest.mark.slow
def test_a_large_file_becomes_a_job_with_progress(database: Any) -> None:
    client = with_token("ingest")
    answer = send(client, generic(9000))
    assert answer.status_code == 202
    address = answer["Location"]
    assert client.get(address).json()["state"] == "queued"
    (path,) = staged(database.data_dir)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not Alert.objects.exists()
    assert runner.run_next_job() == "完成"
    job = client.get(address).json()
    assert (job["state"], job["percent"], job["outcome"]["created"]["alert"]) == ("done", 100, 9000)
    assert staged(database.data_dir) == []
    assert runner.run_next_job() == "没有等待的导入"


@pytest.mark.slow
def test_a_file_that_unpacks_to_much_becomes_a_job() -> None:
    data = generic(1).replace(b'"source"', b" " * (9 << 20) + b'"source"')
    assert len(packed(data)) < 100_000
    assert send(with_token("ingest"), packed(data)).status_code == 202


def test_a_large_file_of_another_format_is_refused_at_once(database: Any) -> None:
    answer = send(with_token("ingest"), generic(9000), "/api/v1/ingest/trivy/")
    assert (answer.status_code, ImportJob.objects.count()) == (400, 0)
    assert "像是 generic" in answer.json()["error"]["message"]
    assert staged(database.data_dir) == []


def test_a_job_that_fails_says_why() -> None:
    client = with_token("ingest")
    broken = generic(9000)[:-1].replace(b'"alerts": [{', b'"alerts": [', 1)
    address = send(client, broken)["Location"]
    runner.run_next_job()
    job = client.get(address).json()
    assert job["state"] in ("failed", "done")
    assert job["error"] or job["outcome"]["rejected"]


def test_a_token_sees_its_own_jobs_only() -> None:
    mine, theirs, reader = with_token("ingest"), with_token("ingest"), with_token("read")
    address = send(mine, generic(2), f"{DOOR}?background=true")["Location"]
    assert mine.get(address).status_code == 200
    assert theirs.get(address).status_code == 404
    assert theirs.get("/api/v1/jobs/").json()["total"] == 0
    assert reader.get("/api/v1/jobs/?state=queued").json()["total"] == 1


def test_the_same_key_gives_the_same_answer_once() -> None:
    client, key = with_token("ingest"), {"Idempotency-Key": "abc"}
    first = send(client, generic(2), **key)
    again = send(client, generic(2), **key)
    assert first.json() == again.json()
    assert first.json()["created"]["alert"] == 2
    other = send(client, generic(3), **key)
    assert (other.status_code, "请用新的键" in other.json()["error"]["message"]) == (409, True)
    assert send(with_token("ingest"), generic(3), **key).status_code == 200
    assert send(client, generic(1), **{"Idempotency-Key": "x" * 201}).status_code == 400


def test_the_same_key_queues_one_job() -> None:
    client, key = with_token("ingest"), {"Idempotency-Key": "job"}
    places = {send(client, generic(2), f"{DOOR}?background=true", **key)["Location"] for _ in range(3)}
    assert (len(places), ImportJob.objects.count()) == (1, 1)


def test_a_request_that_failed_may_be_sent_again_with_its_key() -> None:
    client, key = with_token("ingest"), {"Idempotency-Key": "again"}
    assert send(client, b"{}", **key).status_code == 400
    assert RememberedAnswer.objects.count() == 0
    assert send(client, generic(1), **key).status_code == 200


@pytest.mark.slow
@pytest.mark.both_databases
def test_the_same_key_at_the_same_time_imports_once(database: Any) -> None:
    client = with_token("ingest")
    statuses: list[int] = []

    def once() -> None:
        from django.db import connection

        try:
            statuses.append(send(client, generic(50), **{"Idempotency-Key": "race"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=once) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert Alert.objects.count() == 50
    assert set(Alert.objects.values_list("count", flat=True)) == {1}


FIRING = {
    "version": "4", "status": "firing", "receiver": "bifang", "groupKey": "{}", "groupLabels": {}, "commonLabels": {},
    "commonAnnotations": {}, "externalURL": "http://am",
    "alerts": [{"status": "firing", "labels": {"alertname": "DiskFull", "instance": "web-01:9100", "severity": "critical"},
                "annotations": {}, "startsAt": "2026-11-24T08:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "", "fingerprint": "f1"}],
}  # fmt: skip


def fire(client: Client, times: int = 1) -> None:
    for _ in range(times):
        assert send(client, json.dumps(FIRING).encode(), "/api/v1/ingest/alertmanager").status_code == 200


def test_a_webhook_leaves_a_row_in_the_history_and_no_run() -> None:
    client = with_token("ingest")
    fire(client, 2)
    assert (Alert.objects.get().title != "", ImportRun.objects.count()) == (True, 0)
    rows = ImportJob.objects.order_by("pk")
    assert [(row.format, row.state, row.outcome["created"]["alert"]) for row in rows] == [
        ("alertmanager", "done", 1),
        ("alertmanager", "done", 0),
    ]


def test_the_row_of_a_webhook_is_stored_with_its_alerts_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "note", lambda *args, **given: 1 / 0)
    client = with_token("ingest")
    client.raise_request_exception = False
    assert send(client, json.dumps(FIRING).encode(), "/api/v1/ingest/alertmanager").status_code == 500
    assert (Alert.objects.count(), ImportJob.objects.count()) == (0, 0), "the sender sends it again"


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_sender_s_webhooks_of_an_hour_become_one_row(database: Any) -> None:
    one, other = with_token("ingest"), with_token("ingest")
    fire(one, 5)
    fire(other)
    half = BROKEN["alertmanager"] | {"alerts": [*FIRING["alerts"], {"status": "firing", "labels": {}}]}
    assert send(one, json.dumps(half).encode(), "/api/v1/ingest/alertmanager/").status_code == 200
    assert receipts.gather() == 0, "what has just come in can be looked at"
    ImportJob.objects.update(created_at=datetime(2026, 11, 26, 8, 10, tzinfo=UTC))
    later = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    assert receipts.gather(later) == 4
    assert receipts.gather(later) == 0
    rows = list(ImportJob.objects.order_by("pk"))
    told = [(receipts.requests_of(row.outcome), row.outcome["created"]["alert"]) for row in rows]
    assert told == [(5, 1), (1, 0), (1, 0)], (
        "of another sender, and with a rejection, they stay by themselves"
    )
    fire(one, 1)
    ImportJob.objects.update(created_at=datetime(2026, 11, 26, 8, 10, tzinfo=UTC))
    assert receipts.gather(later) == 1
    assert receipts.requests_of(ImportJob.objects.order_by("pk")[0].outcome) == 6


def test_wazuh_and_falcosidekick_come_in_as_they_are() -> None:
    wazuh = {
        "severity": 3, "pretext": "WAZUH Alert", "title": "sshd: brute force", "text": "Failed password", "rule_id": "5763",
        "timestamp": "2026-11-24T08:00:00.000+0000", "id": "1.2",
        "all_fields": {
            "timestamp": "2026-11-24T08:00:00.000+0000", "id": "1.2", "agent": {"id": "001", "name": "web-01", "ip": "10.0.0.5"},
            "rule": {"id": "5763", "level": 10, "description": "sshd: brute force"}, "data": {"srcip": "203.0.113.9"},
        },
    }  # fmt: skip
    falco = {
        "uuid": "u-1", "output": "shell", "priority": "Warning", "rule": "Terminal shell in container",
        "time": "2026-11-24T08:00:00Z", "source": "syscall", "hostname": "node-1", "tags": ["shell"], "output_fields": {},
    }  # fmt: skip
    _, secret = tokens.create("webhook", ["ingest"])
    basic = Client(
        headers={"Authorization": f"Basic {base64.b64encode(f'bifang:{secret}'.encode()).decode()}"}
    )
    named = Client(headers={"X-Api-Token": secret})
    assert send(basic, json.dumps(wazuh).encode(), "/api/v1/ingest/wazuh/").json()["created"]["alert"] == 1
    assert send(named, json.dumps(falco).encode(), "/api/v1/ingest/falco/").json()["created"]["alert"] == 1
    assert set(Alert.objects.values_list("source", flat=True)) == {"wazuh", "falco"}


def test_a_dead_process_s_job_is_queued_again_and_given_up_in_the_end() -> None:
    client = with_token("ingest")
    address = send(client, generic(2), f"{DOOR}?background=true")["Location"]
    for attempt in range(1, 6):
        assert jobs.take() is not None
        assert jobs.recover() == 0, "this process lives"
        ImportJob.objects.update(owner=jobs.process_name().rpartition(":")[0] + ":4194999")
        assert jobs.recover() == (1 if attempt < 5 else 0)
    job = client.get(address).json()
    assert (job["state"], "5 次意外中断" in job["error"]) == ("failed", True)


def test_a_job_that_was_taken_over_is_not_finished_twice() -> None:
    send(with_token("ingest"), generic(2), f"{DOOR}?background=true")
    work = jobs.take()
    assert work is not None
    ImportJob.objects.update(owner="other:1", token="another")
    assert not jobs.beat(work, "writing", 1, 2)
    assert not jobs.finish(work, {})
    assert ImportJob.objects.get().state == JobState.RUNNING


BROKEN = {
    "generic": {
        "format": "bifang",
        "version": 1,
        "source": "x",
        "alerts": [{"severity": "low"}, {"severity": "high"}],
    },
    "alertmanager": {"version": "4", "groupKey": "g", "alerts": [{"startsAt": "2026-11-20T08:00:00Z"}]},
}


@pytest.mark.slow
@pytest.mark.parametrize("format_name", BROKEN)
@pytest.mark.parametrize("background", ["false", "true"])
def test_what_is_refused_whole_is_no_success(format_name: str, background: str) -> None:
    client = with_token("ingest", "read")
    address = f"/api/v1/ingest/{format_name}/?background={background}"
    answer = send(client, json.dumps(BROKEN[format_name]).encode(), address)
    if background == "true":
        assert answer.status_code == 202
        runner.run_next_job()
    else:
        told = answer.json()
        assert (answer.status_code, told["error"]["code"]) == (422, "all_rejected")
        assert "一条也没有导入" in told["error"]["message"]
        assert len(told["rejected"]) == len(BROKEN[format_name]["alerts"])
    [job] = client.get("/api/v1/jobs/").json()["items"]
    assert (job["state"], len(job["outcome"]["rejected"])) == ("failed", len(BROKEN[format_name]["alerts"]))
    assert "一条也没有导入" in job["error"]


def test_small_files_and_webhooks_are_in_the_history() -> None:
    client = with_token("ingest", "read")
    good = {
        "status": "firing",
        "labels": {"alertname": "磁盘"},
        "startsAt": "2026-11-20T08:00:00Z",
        "fingerprint": "a",
    }
    half = BROKEN["alertmanager"] | {"alerts": [good, {"status": "firing", "labels": {}}]}
    assert send(client, generic(2)).status_code == 200
    assert send(client, json.dumps(half).encode(), "/api/v1/ingest/alertmanager/").status_code == 200
    assert send(client, b"[1,", "/api/v1/ingest/generic/").status_code == 400
    jobs_seen = client.get("/api/v1/jobs/").json()["items"]
    seen = [
        (job["format"], job["state"], len((job["outcome"] or {"rejected": []})["rejected"]))
        for job in jobs_seen
    ]
    assert seen == [("generic", "failed", 0), ("alertmanager", "done", 1), ("generic", "done", 0)]
    assert all(job["finished_at"] and job["actor"] for job in jobs_seen)
    whole = BROKEN["alertmanager"] | {"alerts": [good]}
    assert send(client, json.dumps(whole).encode(), "/api/v1/ingest/alertmanager/").status_code == 200
    assert len(client.get("/api/v1/jobs/").json()["items"]) == 4


def test_the_history_of_a_broken_file_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.services.intake.jobs.MOST_REJECTED", 1)
    client = with_token("ingest", "read")
    assert len(send(client, json.dumps(BROKEN["generic"]).encode()).json()["rejected"]) == 2
    [job] = client.get("/api/v1/jobs/").json()["items"]
    assert [each["position"] for each in job["outcome"]["rejected"]] == ["alerts[0]", "其余"]
