"""`import_data`: the counts, the refusals, and what an interruption leaves."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from secops_agent.models import Alert, Asset, Finding, ImportRun
from secops_agent.services.intake import ingest
from secops_agent.services.intake.writers import alerts as alert_writer

from .inventory_aid import ACTOR, alert, host, store

pytestmark = pytest.mark.both_databases


def grype(tmp_path, count=3, broken=False):
    matches = [_match(n) for n in range(count)]
    if broken:
        matches.insert(1, {"vulnerability": "nonsense", "artifact": 7})
    report = {
        "matches": matches,
        "source": {
            "type": "image",
            "target": {
                "userInput": "shop/web:1.0",
                "imageID": "sha256:" + "ab" * 32,
                "tags": ["shop/web:1.0"],
            },
        },
        "distro": {"name": "debian", "version": "12"},
        "descriptor": {"name": "grype", "version": "0.80.0"},
    }
    path = tmp_path / "grype.json"
    path.write_text(json.dumps(report))
    return path


def _match(n):
    purl = f"pkg:deb/debian/pkg{n}@1.{n}-1?distro=debian-12"
    return {
        "vulnerability": {
            "id": f"CVE-2026-{1000 + n}",
            "severity": "High",
            "namespace": "debian:distro:debian:12",
            "fix": {"versions": ["2.0-1"], "state": "fixed"},
        },
        "relatedVulnerabilities": [],
        "matchDetails": [{"type": "exact-direct-match", "found": {"versionConstraint": "< 2.0-1 (deb)"}}],
        "artifact": {
            "name": f"pkg{n}",
            "version": f"1.{n}-1",
            "type": "deb",
            "purl": purl,
            "locations": [{"path": "/var/lib/dpkg/status"}],
        },
    }


def run(*arguments):
    out = StringIO()
    call_command("import_data", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.mark.slow
def test_json_counts_by_kind_and_a_second_time_changes_nothing(database, tmp_path):
    path = grype(tmp_path)
    first = json.loads(run("grype", path, "--json").splitlines()[-1])
    kinds = ("asset", "component", "vulnerability", "finding", "alert")
    assert first["format"] == "grype"
    assert [first["created"][kind] for kind in kinds] == [1, 3, 3, 3, 0]
    before = list(Finding.objects.values())
    second = json.loads(run("auto", path, "--json").splitlines()[-1])
    assert [second["unchanged"][kind] for kind in kinds] == [1, 3, 3, 3, 0]
    assert not any(second["created"].values())
    assert not any(second["updated"].values())
    assert list(Finding.objects.values()) == before
    assert ImportRun.objects.count() == 1


def test_broken_record_is_told_and_the_rest_goes_in(database, tmp_path):
    told = json.loads(run("grype", grype(tmp_path, broken=True), "--json"))
    assert told["created"]["finding"] == 3
    [rejected] = told["rejected"]
    assert rejected["position"] == "matches[1]"
    assert rejected["reason"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_file_of_which_nothing_was_taken_is_a_failure(database, tmp_path, options):
    path, out = tmp_path / "broken.json", StringIO()
    alerts = [{"severity": "low"}, {"severity": "high"}]
    path.write_text(json.dumps({"format": "bifang", "version": 1, "source": "x", "alerts": alerts}))
    with pytest.raises(CommandError, match="一条也没有导入") as failure:
        call_command("import_data", "generic", str(path), *options, stdout=out)
    assert failure.value.returncode == 1
    assert "alerts[0]" in out.getvalue()
    assert not options or len(json.loads(out.getvalue().splitlines()[-1])["rejected"]) == 2


def test_people_read_numbers(database, tmp_path):
    shown = run("grype", grype(tmp_path, broken=True))
    assert "发现：新增 3，更新 0，未变 0" in shown
    assert "matches[1]" in shown


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("trivy", None, "像是 grype"),
        ("nothing", None, "没有名为「nothing」"),
        ("grype", "", "是空的"),
        ("auto", "hello", "认不出"),
    ],
)
def test_refusals_say_what_to_do(database, tmp_path, name, content, message):
    path = grype(tmp_path)
    if content is not None:
        path.write_text(content)
    with pytest.raises(CommandError, match=message):
        run(name, path)


def test_missing_file_and_unknown_asset_are_named(database, tmp_path):
    with pytest.raises(CommandError, match=r"没有这样的文件|No such file|读不了"):
        run("grype", tmp_path / "none.json")
    with pytest.raises(CommandError, match="资产里没有"):
        run("grype", grype(tmp_path), "--asset", "nowhere")


def test_findings_go_to_the_asset_that_is_given(database, tmp_path):
    store(host("web-01", "10.0.0.5"))
    run("grype", grype(tmp_path), "--asset", "10.0.0.5")
    assert Asset.objects.get().name == "web-01"
    assert Finding.objects.filter(asset__name="web-01").count() == 3


@pytest.mark.slow
def test_interrupted_import_keeps_what_was_committed_and_completes_when_run_again(database, monkeypatch):
    items = [alert(f"k{n}", assets=(host("web-01"),)) for n in range(1100)]
    real, calls = alert_writer.write_alerts, []

    def failing(session, records):
        calls.append(len(records))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(session, records)

    monkeypatch.setattr(ingest, "write_alerts", failing)
    with pytest.raises(KeyboardInterrupt):
        ingest.store(iter(items), ACTOR)
    kept = Alert.objects.count()
    assert 0 < kept < 1100
    monkeypatch.setattr(ingest, "write_alerts", real)
    outcome = ingest.store(iter(items), ACTOR)
    assert (outcome.created["alert"], outcome.unchanged["alert"]) == (1100 - kept, kept)
    assert set(Alert.objects.values_list("count", flat=True)) == {1}


def test_nothing_is_written_before_everything_is_read(database):
    def items():
        yield alert("a")
        raise RuntimeError("reader failed")

    with pytest.raises(RuntimeError):
        ingest.store(items(), ACTOR)
    assert Alert.objects.count() == 0
