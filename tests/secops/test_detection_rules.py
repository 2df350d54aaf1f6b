"""Sigma rules: read from files and a zip, shown where an alert names one, to people and to the agent."""

import io
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models import Alert, AuditRecord, DetectionRule, ImportJob, Role
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.detection_rules import named_rule, read_rules
from secops_agent.services.intake import ingest
from secops_agent.services.people.staff import Person
from secops_agent.services.records import AlertRecord
from secops_agent.tools.definitions import Asker
from secops_agent.tools.incidents.alerts import GetAlert, get_alert
from secops_agent.uploads.runner import run_next_job
from tests.admin_pages import serve_plain_static, superuser, with_role

UID = "1a2b3c4d-0000-4000-8000-000000000001"
RULE = f"""title: Suspicious Service Path
id: {UID}
status: test
level: high
description: A service whose program lies where users may write.
falsepositives:
    - Installers of printer drivers
tags:
    - attack.persistence
    - attack.t1543.003
logsource: {{product: windows, service: system}}
detection: {{selection: {{EventID: 7045}}, condition: selection}}
"""


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"rules/windows/{name}.yml", text)
        archive.writestr("rules/README.md", "no rule")
    return out.getvalue()


def test_a_zip_of_rules_is_read_and_what_is_none_is_named() -> None:
    second = RULE.replace("0001", "0002").replace("Suspicious Service Path", "Another")
    read = read_rules("sigma.zip", zipped(a=RULE, b=second, c="title: x\nid: [", d="- 1"))
    assert [rule.name for rule in read.rules] == ["Suspicious Service Path", "Another"]
    assert len(read.refused) == 2
    assert "c.yml" in read.refused[0]
    rule = read.rules[0]
    assert (rule.uid, rule.level, rule.techniques) == (UID, "high", ["T1543.003"])
    assert rule.false_positives == ["Installers of printer drivers"]


@pytest.mark.parametrize(
    "data",
    [b"", b"title: x", b"PK\x03\x04broken", b"a: &a [*a]", RULE.replace(UID, "../x").encode(), b"x" * 70_000],
)
def test_what_is_no_rule_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"没有一条|损坏"):
        read_rules("rule.yml", data)


def test_a_zip_of_rules_costs_no_more_than_rules_do() -> None:
    """Each packs 64 KB into 220 bytes, and one file of many parts as many readings."""
    heavy = RULE + "x: [" + "a," * 32_000 + "]\n"
    began = time.thread_time()
    with pytest.raises(InvalidInput, match="超过 16 MB"):
        read_rules("sigma.zip", zipped(**{f"r{number}": heavy for number in range(270)}))
    assert len(read_rules("r.yml", heavy.encode()[:60_000] + b"]").rules) == 1
    assert time.thread_time() - began < 1
    with pytest.raises(InvalidInput, match="超过 50 段"):
        read_rules("r.yml", b"---\na\n" * 9000)


def alert(**more: Any) -> Alert:
    record = AlertRecord(
        "chainsaw", ("k",), "标题", "low", occurred_at=datetime(2026, 11, 30, tzinfo=UTC), **more
    )  # type: ignore[arg-type]
    ingest.store([record], Actor.system("test"))
    return Alert.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "named", [{"rule_id": UID.upper()}, {"rule_name": "suspicious service path"}], ids=["number", "title"]
)
def test_an_alert_that_names_a_rule_tells_what_the_rule_says(
    named: dict[str, str],
    tmp_path: Path,
    settings: Any,
) -> None:
    (tmp_path / "a.yml").write_text(RULE)
    call_command("sigma_rules", str(tmp_path))
    call_command("sigma_rules", str(tmp_path / "a.yml"))
    assert DetectionRule.objects.count() == 1
    row = alert(**named)
    serve_plain_static(settings, tmp_path)
    client = superuser()
    page = client.get(reverse("web:alert_known", args=[row.pk])).content.decode()
    assert "已知的误报" in page
    assert "Installers of printer drivers" in page
    asker = Asker(Person("corp", "x", "某人", Role.ANALYST), False, timezone.localtime(), REFUSING)
    told = get_alert(asker, GetAlert(alert_id=row.pk)).text
    assert all(word in told for word in ("Sigma high", "Installers of printer drivers", "T1543.003"))


@pytest.mark.django_db
def test_two_rules_of_one_title_are_told_apart_by_number_only() -> None:
    for number in "12":
        DetectionRule.objects.create(uid=f"number-{number}", name="同名", name_key="同名")
    assert named_rule("", "同名", "") is None
    assert (named_rule("NUMBER-2", "同名", "") or DetectionRule()).uid == "number-2"
    assert named_rule("", "", "") is None


@pytest.mark.django_db
def test_rules_are_uploaded_where_formats_are_written(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    client = superuser()
    file = SimpleUploadedFile("sigma.zip", zipped(a=RULE, b="x: 1"))
    client.post(reverse("admin:secops_agent_formattable_add"), {"file": file}, follow=True)
    assert not DetectionRule.objects.exists(), "a job reads it, not the request"
    run_next_job()
    job = ImportJob.objects.get()
    assert (job.state, job.outcome["created"], len(job.outcome["rejected"])) == ("done", {"rule": 1}, 1)
    rule = DetectionRule.objects.get()
    assert rule.uid == UID
    page = reverse("admin:secops_agent_detectionrule_changelist")
    assert rule.name in client.get(page).content.decode()
    chosen = {"action": "forget", "_selected_action": [rule.pk]}
    with_role(Role.ANALYST).post(page, chosen)
    assert DetectionRule.objects.exists()
    client.post(page, chosen)
    assert not DetectionRule.objects.exists()
    assert AuditRecord.objects.filter(what="删除检测规则 1 条").exists()
