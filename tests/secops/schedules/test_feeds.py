"""Feeds over HTTP: only what changed, never half of it, and hostile servers leave what we have as it was."""

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.errors import BifangError, ConfigError, InvalidInput, RemoteError
from bifang.core.monitoring.metrics import render_metrics
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models import Feed, Finding, Role, RunState, ScheduledTask, TaskRun, Vulnerability
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import Person
from secops_agent.services.records import ComponentRecord
from secops_agent.services.schedules import feeds as sources
from secops_agent.services.schedules import runs
from secops_agent.services.schedules.schedules import save_task
from secops_agent.services.schedules.tasks import TaskOrder, read_task
from secops_agent.tasks import feeds, runner
from secops_agent.tasks.feeds import FEEDS
from secops_agent.tools.base import NoArguments
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations.status import service_status
from tests.secops.inventory_aid import host, store

pytestmark = pytest.mark.usefixtures("database")
ORDER = TaskOrder({}, Person("", "", "系统", Role.VIEWER), True, timezone.localtime())
EPSS = b"#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\nCVE-2026-0001,0.5,0.9\n"


def kev(number: int) -> bytes:
    entries = [
        {"cveID": f"CVE-2026-{each:04}", "vendorProject": "V", "product": "P", "vulnerabilityName": "N",
         "dateAdded": "2026-11-01", "shortDescription": "S", "requiredAction": "A", "dueDate": "2026-12-01",
         "knownRansomwareCampaignUse": "Unknown", "notes": "", "cwes": []}
        for each in range(1, number + 1)
    ]  # fmt: skip
    return json.dumps(
        {"title": "KEV", "catalogVersion": "1", "count": number, "vulnerabilities": entries}
    ).encode()


class Mirror:
    """Serves KEV at /kev and EPSS at /epss; a test says what they answer."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.endless = False
        self.held = threading.Event()  # cleared: an answer waits
        self.held.set()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()})
                )
                mirror.held.wait()
                status, headers, body = mirror.answers[self.path]
                if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                    status, body = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if not mirror.endless:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                    while mirror.endless:
                        self.wfile.write(b" " * 65536)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.answers[path] = (
            status,
            {name.replace("_", "-"): value for name, value in headers.items()},
            body,
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirror(database: Any, settings: Any) -> Iterator[Mirror]:
    made = Mirror()
    made.answer("/kev", kev(3), ETag='"one"')
    settings.FEED_ADDRESSES = {"kev": f"{made.address}/kev", "epss": "off", "osv": "off"}
    yield made
    made.close()


def known() -> int:
    return Vulnerability.objects.filter(kev=True).count()


@pytest.mark.slow
def test_feed_is_imported_once_and_then_only_asked_for(mirror: Mirror) -> None:
    result = FEEDS.run(ORDER)
    assert (known(), "CISA KEV：3 条，新增 3" in result.text) == (3, True)
    row = Feed.objects.get()
    assert (row.etag, row.entries, row.changed_at is not None) == ('"one"', 3, True)
    assert (feeds.directory() / "kev").read_bytes() == kev(3)
    result = FEEDS.run(ORDER)
    assert (result.text, result.note) == ("", "CISA KEV 没有变化")
    assert mirror.asked[1][1]["if-none-match"] == '"one"'
    later = Feed.objects.get()
    assert later.checked_at > row.checked_at
    assert later.changed_at == row.changed_at
    assert list(feeds.directory().iterdir()) == [feeds.directory() / "kev"], "no drafts are left"


@pytest.mark.slow
def test_epss_as_it_is_published_scores_what_is_known(mirror: Mirror, settings: Any) -> None:
    mirror.answer("/epss", gzip.compress(EPSS), Content_Type="application/gzip")
    settings.FEED_ADDRESSES = {"kev": f"{mirror.address}/kev", "epss": f"{mirror.address}/epss", "osv": "off"}
    FEEDS.run(ORDER)
    assert Vulnerability.objects.get(vuln_id="CVE-2026-0001").epss == 0.5


HTML = b"<html><body>Please log in</body></html>"


def bomb() -> bytes:
    return gzip.compress(b"#model_version:v1\ncve,epss,percentile\n" + b"\n" * (64 << 20))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (HTML, {"Content_Type": "text/html"}, "不像是 kev"),
        (b"", {}, "返回了空内容"),
        (kev(4)[:-60], {}, "不完整"),
        (kev(1), {}, "只有 1 条，上一次有 3 条"),
        (bomb, {}, ""),
        (lambda: gzip.compress(b" " * (128 << 20)), {"Content_Encoding": "gzip"}, "超过 65536 KB"),
        (b"\0" * 1000, {}, ""),
        (b"{" * 100_000, {}, ""),
    ],
    ids=["portal", "empty", "cut", "shrunk", "bomb", "encoded bomb", "binary", "nested"],
)  # fmt: skip
def test_hostile_copy_changes_nothing(
    mirror: Mirror, body: bytes | Callable[[], bytes], headers: dict[str, str], said: str
) -> None:
    FEEDS.run(ORDER)
    before = Feed.objects.get()
    mirror.answer("/kev", body() if callable(body) else body, **headers)
    with pytest.raises(BifangError) as caught:
        FEEDS.run(ORDER)
    assert said in caught.value.message
    after = Feed.objects.get()
    assert (after.digest, after.checked_at, after.etag) == (before.digest, before.checked_at, before.etag)
    assert after.last_error == caught.value.message
    assert known() == 3
    assert [each.name for each in feeds.directory().iterdir()] == ["kev"]
    assert (feeds.directory() / "kev").read_bytes() == kev(3)


@pytest.mark.slow
@pytest.mark.parametrize("etag", ['"\xff\xfe"', '"' + "a" * 400 + '"'])
def test_mark_that_cannot_be_kept_is_not_sent_back(mirror: Mirror, etag: str) -> None:
    mirror.answer("/kev", kev(3), ETag=etag)
    FEEDS.run(ORDER)
    FEEDS.run(ORDER)
    assert (known(), Feed.objects.get().etag) == (3, "")
    assert "if-none-match" not in mirror.asked[1][1]


@pytest.mark.slow
def test_endless_body_is_cut(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SOURCES", (replace(sources.SOURCES[0], max_bytes=1 << 20),))
    mirror.endless = True
    with pytest.raises(RemoteError, match="超过 1024 KB"):
        FEEDS.run(ORDER)
    assert known() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.5/kev", "http://127.0.0.1:1/kev", "file:///etc/passwd"]
)  # fmt: skip
def test_redirect_elsewhere_is_not_followed(mirror: Mirror, place: str) -> None:
    mirror.answer("/kev", b"", status=302, Location=place)
    with pytest.raises(RemoteError, match="跳转到其他地址"):
        FEEDS.run(ORDER)


@pytest.mark.slow
def test_redirect_on_the_same_host_is_followed(mirror: Mirror) -> None:
    mirror.answer("/kev", b"", status=302, Location="/today")
    mirror.answer("/today", kev(2))
    FEEDS.run(ORDER)
    assert known() == 2


@pytest.mark.slow
def test_metadata_address_is_refused(mirror: Mirror, settings: Any) -> None:
    settings.FEED_ADDRESSES = {"kev": "http://169.254.169.254/kev", "epss": "off", "osv": "off"}
    with pytest.raises((ConfigError, RemoteError), match="元数据"):
        FEEDS.run(ORDER)


@pytest.mark.slow
def test_other_address_is_asked_without_what_is_known_of_the_first(mirror: Mirror, settings: Any) -> None:
    FEEDS.run(ORDER)
    mirror.answer("/mirror", kev(1), ETag='"one"')
    settings.FEED_ADDRESSES = {"kev": f"{mirror.address}/mirror", "epss": "off", "osv": "off"}
    FEEDS.run(ORDER)
    assert "if-none-match" not in mirror.asked[-1][1]
    assert (Feed.objects.get().entries, known()) == (1, 3)


@pytest.mark.slow
def test_one_that_fails_does_not_keep_the_other_and_is_tried_again(mirror: Mirror, settings: Any) -> None:
    mirror.answer("/epss", b"busy", status=503)
    settings.FEED_ADDRESSES = {"kev": f"{mirror.address}/kev", "epss": f"{mirror.address}/epss", "osv": "off"}
    actor = Actor.system("apply_configs")
    given = {"name": "情报", "task": "更新漏洞情报", "cron": "30 6 * * *"}
    runs.start_now(save_task(given, actor), actor)
    assert "EPSS 的地址返回 HTTP 503" in runner.run_next_task()
    run = TaskRun.objects.get()
    assert (run.state, run.not_before is not None, known()) == (RunState.QUEUED, True, 3)
    mirror.answer("/epss", gzip.compress(EPSS))
    TaskRun.objects.update(not_before=None)
    assert runner.run_next_task() == "完成"
    run.refresh_from_db()
    assert (run.state, run.attempts, "EPSS 1 条" in run.note) == (RunState.DONE, 2, True)
    assert ScheduledTask.objects.get().last_error == ""


def advisory(number: int, package: str, **more: Any) -> dict[str, Any]:
    affected = [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": [
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}]}]  # fmt: skip
    return {"schema_version": "1.6.0", "id": f"PYSEC-2026-{number}", "modified": "2026-11-01T00:00:00Z", "summary": "S",
            "aliases": [f"CVE-2026-{number:04}"], "affected": affected, **more}  # fmt: skip


def packed(*advisories: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, each in enumerate(advisories):
            data = each if isinstance(each, bytes) else json.dumps(each)
            archive.writestr(f"PYSEC-{number}.json", data)
    return file.getvalue()


@pytest.fixture
def osv(mirror: Mirror, settings: Any) -> Mirror:
    settings.FEED_ADDRESSES = {"kev": "off", "epss": "off", "osv": f"{mirror.address}/osv/"}
    store(component("flask"))
    others = [advisory(each, f"other-{each}") for each in range(2, 9)]
    mirror.answer(
        "/osv/PyPI/all.zip", packed(advisory(1, "Flask"), *others, b"[[", b"x" * (9 << 20)), ETag='"zip"'
    )
    return mirror


def component(name: str) -> ComponentRecord:
    return ComponentRecord(name, "1.0", f"pkg:pypi/{name}@1.0", "pypi", host("web-01"), source="trivy")


@pytest.mark.slow
def test_osv_brings_what_is_about_installed_packages_and_matches_it(osv: Mirror) -> None:
    result = FEEDS.run(ORDER)
    assert list(Vulnerability.objects.values_list("vuln_id", flat=True)) == ["CVE-2026-0001"]
    assert Finding.objects.filter(source="bifang", active=True).count() == 1
    assert "OSV PyPI：1 条，新增 1，更新 0，新增 1 个发现" in result.text
    assert [path for path, _ in osv.asked] == ["/osv/PyPI/all.zip"], "nothing else is installed"
    assert FEEDS.run(ORDER).text == ""


@pytest.mark.slow
def test_osv_is_read_again_for_what_was_installed_since_without_another_download(osv: Mirror) -> None:
    FEEDS.run(ORDER)
    store(component("other-3"))
    FEEDS.run(ORDER)
    assert osv.asked[1][1]["if-none-match"] == '"zip"'
    assert set(Vulnerability.objects.values_list("vuln_id", flat=True)) == {"CVE-2026-0001", "CVE-2026-0003"}
    assert Feed.objects.get().entries == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        packed(advisory(1, "flask"), advisory(2, "x"))[:-30],
        HTML,
        packed(advisory(1, "flask")),
        packed(),
        b"PK\3\4" * 999,
    ],
    ids=["cut", "portal", "shrunk", "empty", "not a zip"],
)
def test_hostile_archive_changes_nothing(osv: Mirror, body: bytes) -> None:
    FEEDS.run(ORDER)
    kept = feeds.kept_copy(sources.osv_source("PyPI")).read_bytes()
    osv.answer("/osv/PyPI/all.zip", body)
    with pytest.raises(BifangError, match=r"完整|损坏"):
        FEEDS.run(ORDER)
    assert feeds.kept_copy(sources.osv_source("PyPI")).read_bytes() == kept
    assert Vulnerability.objects.count() == 1


@pytest.mark.slow
def test_archive_that_grows_too_large_is_not_read(osv: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.tasks.feeds.LARGEST_ALL", 1 << 20)
    with pytest.raises(BifangError, match="解压后太大"):
        FEEDS.run(ORDER)
    assert not Vulnerability.objects.exists()


@pytest.mark.slow
def test_age_and_trouble_are_shown_where_people_look(mirror: Mirror) -> None:
    def status() -> str:
        person = Person("", "li", "李", Role.VIEWER)
        return service_status(Asker(person, True, timezone.localtime(), REFUSING), NoArguments()).text

    assert "CISA KEV 还没有获取" in status()
    FEEDS.run(ORDER)
    assert "CISA KEV 确认于 刚刚" in status()
    mirror.answer("/kev", HTML)
    with pytest.raises(BifangError):
        FEEDS.run(ORDER)
    assert "最近一次失败" in status()
    assert 'bifang_feed_age_seconds{feed="kev"}' in render_metrics().decode()


def test_switched_off_feeds_are_no_task(settings: Any) -> None:
    settings.FEED_ADDRESSES = {"kev": "off", "epss": "OFF", "osv": "off"}
    with pytest.raises(InvalidInput, match="都是 off"):
        read_task("更新漏洞情报")
