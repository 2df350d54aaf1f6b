"""Real processes killed between storing and comparing, at each door: the task process compares what they left."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from secops_agent.models import Component, Finding, ImportJob, Uncompared
from secops_agent.services.people import tokens
from secops_agent.uploads.body import Upload
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import import_later
from tests.acceptance.processes import MANAGE, Started, clean_environment, free_ports, run, uncounted
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.test_comparisons import AFFECTED

from .inventory_aid import ACTOR, store

pytestmark = [pytest.mark.slow, pytest.mark.only_postgresql]
CUT_SHORT = (sys.executable, "-m", "tests.secops.cut_short")


@pytest.fixture
def env(database: Database, settings: Any, tmp_path: Path) -> dict[str, str]:
    """Of processes on the test's database."""
    return uncounted(
        clean_environment(tmp_path, DJANGO_SECRET_KEY=settings.SECRET_KEY, **database.environment)
    )


@contextmanager
def started(command: Sequence[str], env: dict[str, str], output: Path) -> Iterator[Started]:
    """Killed at the end, with what it started."""
    one = Started(command, env, output)
    try:
        yield one
    finally:
        os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait(120)


def software(name: str) -> bytes:
    """A file of ours: one host with what the advisory is about."""
    component = {"asset": name, "name": "demo", "version": "1.0", "purl": "pkg:pypi/demo@1.0"}
    return json.dumps({"assets": [{"hostname": name, "name": name}], "components": [component]}).encode()


def detection(name: str) -> bytes:
    """What Wazuh sends: another flaw of the same software."""
    document = {
        "agent": {"id": "002", "name": name, "version": "v4.9.0"},
        "package": {"name": "demo", "type": "pypi", "version": "1.0"},
        "vulnerability": {
            "id": "CVE-2026-10001",
            "severity": "High",
            "detected_at": "2026-11-19T02:00:00.000Z",
        },
    }
    return json.dumps(document).encode()


def by_command(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "software.json"
    file.write_bytes(software("by-command"))
    assert run((*CUT_SHORT, "import_data", "generic", file), env).returncode == -signal.SIGKILL


def by_web(env: dict[str, str], tmp_path: Path) -> None:
    (port,) = free_ports(1)
    _, secret = tokens.create("令牌", ("ingest",))
    options = ("--bind", f"127.0.0.1:{port}", "--workers", "1")
    gunicorn = (sys.executable, "-m", "gunicorn", "tests.secops.cut_short:application", *options)
    with started(gunicorn, env, tmp_path / "web.out") as web:
        web.wait_for("Booting worker")
        for name, body in (("generic", software("by-file")), ("wazuh", detection("by-webhook"))):
            address, headers = (
                f"http://127.0.0.1:{port}/api/v1/ingest/{name}/",
                {"Authorization": f"Bearer {secret}"},
            )
            with pytest.raises(httpx.RemoteProtocolError):  # nobody answers any more
                httpx.post(address, content=body, headers=headers, timeout=120)


def by_job(env: dict[str, str], tmp_path: Path) -> None:
    with Upload("software.json") as upload:
        upload.receive([software("by-job")])
        import_later("generic", upload, Choices(), ACTOR)
    with started((*CUT_SHORT, "qcluster"), env, tmp_path / "cut-short.out"):
        wait_until(lambda: Component.objects.filter(asset__name="by-job").exists(), within=60, every=0.05)


def test_what_killed_processes_stored_is_compared_at_every_door(env: dict[str, str], tmp_path: Path) -> None:
    store(AFFECTED)
    for door in (by_command, by_web, by_job):
        door(env, tmp_path)
    assert Component.objects.count() == 4
    assert not Finding.objects.filter(source="bifang").exists()
    assert Uncompared.objects.count() == 5  # the webhook's flaw is stored before its finding
    with started((*MANAGE, "qcluster"), env, tmp_path / "qcluster.out"):
        wait_until(lambda: not Uncompared.objects.exists(), within=120, every=0.2, what="what is compared")
        wait_until(lambda: ImportJob.objects.filter(state="done", format="generic").exists(), within=60)
    found = Finding.objects.filter(source="bifang").values_list("asset__name", flat=True)
    assert sorted(found) == ["by-command", "by-file", "by-job", "by-webhook"]
