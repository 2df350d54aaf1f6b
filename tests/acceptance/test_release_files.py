"""What a release consists of: images with exact tags, health checks that start no Python, the bill of materials, the bundle."""

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.release import images, sbom
from tests.acceptance.processes import PROJECT, clean_environment, free_ports, run
from tests.acceptance.test_deploy_files import DEPLOY

COMPOSE = DEPLOY / "docker" / "compose.yaml"
DIGEST = "sha256:" + "ab" * 32


@contextlib.contextmanager
def serving(server: http.server.ThreadingHTTPServer) -> Iterator[None]:
    """In a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text("utf-8"))["services"])


def test_images_have_exact_tags() -> None:
    tags = re.findall(
        r"(?:FROM |image: )(?:python|postgres):(\S+)",
        (DEPLOY / "docker" / "Dockerfile").read_text() + COMPOSE.read_text(),
    )
    assert len(tags) == 2
    assert all(re.match(r"\d+\.\d+", tag) for tag in tags), tags
    assert re.search(r"python:3\.11\.\d+", (DEPLOY / "docker" / "Dockerfile").read_text())


def test_every_service_has_a_health_check_that_starts_no_python() -> None:
    for name, service in services().items():
        check = service["healthcheck"]
        if name in ("migrate", "backup"):
            assert check == {"disable": True}, name
        else:
            assert "python" not in str(check["test"]), name


def test_web_check_tells_an_answer_from_silence_and_from_an_error() -> None:
    class Web(http.server.BaseHTTPRequestHandler):
        status = 200

        def do_GET(self) -> None:
            self.send_response(self.status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    (port,) = free_ports(1)
    words = [word.replace("8000", str(port)) for word in services()["web"]["healthcheck"]["test"][1:]]

    def healthy() -> bool:
        return subprocess.run(words, capture_output=True).returncode == 0

    assert not healthy()
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", port), Web)):
        assert healthy()
        Web.status = 503
        assert not healthy()


def test_digests_come_from_a_registry_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Registry(http.server.BaseHTTPRequestHandler):
        known = ("/v2/library/python/manifests/3.11.14-slim-trixie",)

        def do_HEAD(self) -> None:
            found = self.path in self.known
            self.send_response(200 if found else 404)
            if found:
                self.send_header("Docker-Content-Digest", DIGEST)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    ours, other = tmp_path / "Dockerfile", tmp_path / "compose.yaml"
    ours.write_text("FROM python:3.11.14-slim-trixie\nRUN true\n", encoding="utf-8")
    other.write_text("services:\n  db:\n    image: postgres:17.6\n", encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    registry = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(images, "DOCKER", tmp_path)
    with serving(server):
        for _ in range(2):  # again: the same
            assert images.pin(ours, registry) == [f"python:3.11.14-slim-trixie@{DIGEST}"]
        assert ours.read_text("utf-8") == f"FROM python:3.11.14-slim-trixie@{DIGEST}\nRUN true\n"
        with pytest.raises(SystemExit, match="没有写入"):
            images.main(registry)
    assert "sha256" not in other.read_text("utf-8")


def test_bill_of_materials_is_what_is_locked(tmp_path: Path) -> None:
    sbom.main(tmp_path)
    told = json.loads((tmp_path / "sbom.cdx.json").read_text("utf-8"))
    lock = (PROJECT / "requirements.lock").read_text("utf-8")
    assert {f"{each['name']}=={each['version']}" for each in told["components"]} == set(
        re.findall(r"(?m)^([\w.-]+==[\w.]+)", lock)
    )
    hashes = {
        one["content"]
        for each in told["components"]
        for file in each["externalReferences"]
        for one in file["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    table = (tmp_path / "licences.md").read_text("utf-8")
    assert "| django | 5.2" in table
    assert table.count(sbom.UNKNOWN) <= 3, "packages of other machines"


@pytest.mark.outside("unshare")
def test_bundle_is_installed_without_a_network_and_notices_damage(tmp_path: Path) -> None:
    env = clean_environment(tmp_path)
    done = run(("sh", "deploy/release/bundle.sh", sys.executable, tmp_path), env)
    assert done.returncode == 0, done.stdout
    (archive,) = tmp_path.glob("*.tar.gz")
    checked = subprocess.run(["sha256sum", "-c", f"{archive.name}.sha256"], cwd=tmp_path, capture_output=True)
    assert checked.returncode == 0
    shutil.unpack_archive(archive, tmp_path, filter="data")
    archive.unlink()
    (place,) = (path for path in tmp_path.iterdir() if (path / "install.sh").exists())
    offline = ("unshare", "--net", "--map-root-user")
    install = ("sh", place / "install.sh", tmp_path / "venv")
    python = {**env, "PYTHON": sys.executable}
    done = run((*offline, *install), python)
    assert done.returncode == 0, done.stdout
    manage = (*offline, tmp_path / "venv" / "bin" / "python", place / "manage.py")
    assert run((*manage, "migrate", "-v0"), env).returncode == 0
    assert "通过  数据库" in run((*manage, "healthcheck"), env).stdout
    (place / "manage.py").write_text("", encoding="utf-8")
    done = run((*offline, *install), python)
    assert done.returncode == 1
    assert "没有安装" in done.stdout
