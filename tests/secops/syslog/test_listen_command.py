"""The command as a process: real senders, a stop that stores what is held, refusals that say what to do."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import Schedule

from secops_agent.models import (
    Alert,
    DataSource,
    SourceHour,
    SyslogListener,
    SyslogRejection,
    SyslogSource,
    SyslogTraffic,
)
from secops_agent.services.operations import source_watch
from tests.acceptance.processes import MANAGE, Started, clean_environment, free_ports, run
from tests.certificates import self_signed
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.importers.cn_samples_hosts import SIP_ALARM
from tests.secops.syslog.lines_aid import alert


@contextmanager
def listening(database: Database, tmp_path: Path, *places: str, **variables: str) -> Iterator[Started]:
    """The process, ended at the end."""
    env = clean_environment(tmp_path, **database.environment, **variables)
    process = Started([*MANAGE, "listen_syslog", *places], env, tmp_path / "syslog.out")
    try:
        process.wait_for("正在监听")
        yield process
    finally:
        process.kill()


def source(**more: object) -> SyslogSource:
    return SyslogSource.objects.create(**{"name": "本机", "networks": ["127.0.0.1/32"], **more})


def traffic() -> SyslogTraffic:
    connections.close_all()
    return SyslogTraffic.objects.get()


@pytest.mark.slow
def test_lines_of_real_senders_come_in_and_a_stop_keeps_them(database: Database, tmp_path: Path) -> None:
    source()
    (port,) = free_ports(1)
    where = f"127.0.0.1:{port}"
    with listening(database, tmp_path, "--udp", where, "--tcp", where) as process:
        logger = ("logger", "-n", "127.0.0.1", "-P", str(port), "-t", "sshd", "-p", "auth.err")
        for way in ("-d", "-T"):
            subprocess.run([*logger, way, f"来自 logger {way}"], check=True)
        subprocess.run([*logger, "-T", "--octet-count", "--rfc5424", "第三种"], check=True)
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(f"<14>2026-11-20 09:30:01|!alarm|!10.0.9.9|!{json.dumps(SIP_ALARM)}\0".encode())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(b"<34>\xff\n2026-11-26 00:00:00 ERROR forged line", ("127.0.0.1", port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(b"<34>stranger", ("127.0.0.1", port))
        wait_until(lambda: Alert.objects.count() == 4, within=20, what="alerts")
        assert Alert.objects.filter(title="SSH 口令暴力破解", severity="high").exists()
        wait_until(lambda: SyslogListener.objects.filter(unknown=1).exists(), within=20, what="a heartbeat")
        assert SyslogRejection.objects.count() == 1
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(b"".join(b"<34>1 - h a%d - - - last words %d\n" % (n, n) for n in range(200)))
            wait_until(lambda: Alert.objects.count() > 4, within=20, what="the first of many")
            process.process.send_signal(signal.SIGTERM)
            assert process.process.wait(120) == 0
    assert Alert.objects.filter(title__startswith="last words").exists()
    assert traffic().lines == traffic().alerts + traffic().rejected
    assert not SyslogListener.objects.exists()
    assert "forged line" not in process.text
    assert "stranger" not in process.text


@pytest.mark.slow
def test_tls_by_environment_and_a_renewed_certificate(database: Database, tmp_path: Path) -> None:
    import ssl

    source()
    self_signed(tmp_path / "tls.pem")
    (port,) = free_ports(1)
    files = {f"BIFANG_SYSLOG_TLS_{name}": str(tmp_path / "tls.pem") for name in ("CERT", "KEY")}
    with listening(database, tmp_path, "--tls", f"127.0.0.1:{port}", **files) as process:

        def send(text: bytes) -> bytes:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as link:
                link.sendall(text)
                return link.getpeercert(binary_form=True) or b""

        first = send(b"<34>over tls\n")
        wait_until(lambda: Alert.objects.exists(), within=20, what="the alert")
        self_signed(tmp_path / "tls.pem")
        process.wait_for("已换用新的证书")
        assert send(b"<34>over tls\n") != first


@pytest.mark.slow
def test_kill_9_loses_only_what_was_not_stored(database: Database, tmp_path: Path) -> None:
    source()
    (port,) = free_ports(1)
    with listening(database, tmp_path, "--tcp", f"127.0.0.1:{port}") as process:
        link = socket.create_connection(("127.0.0.1", port))
        link.sendall(b"".join(b"<34>1 - h app - - - same %d\n" % number for number in range(2000)))
        wait_until(lambda: Alert.objects.exists(), within=20, what="the first lines")
        process.process.kill()
        process.process.wait(120)
        link.close()
    stored = Alert.objects.get().count
    assert 0 < stored <= 2000
    with listening(database, tmp_path, "--tcp", f"127.0.0.1:{port}"):
        assert SyslogListener.objects.count() == 1, "the row of the dead one is gone"
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(b"<34>1 - h app - - - same 99999\n")
        wait_until(lambda: Alert.objects.get().count > stored, within=20, what="the next line")
    assert Alert.objects.get().count == stored + 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--udp", "0.0.0.0:5514"), "还没有启用的 Syslog 来源"),
        (("--tls", "127.0.0.1:6514"), "--tls 需要证书和私钥"),
        (("--tcp", "example.com:5514"), "--tcp 应是 IP 地址和端口"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_is_refused(
    database: Database, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run([*MANAGE, "listen_syslog", *arguments], clean_environment(tmp_path, **database.environment))
    assert done.returncode == 1
    assert told in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_a_port_that_is_taken_is_named(database: Database, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [*MANAGE, "listen_syslog", "--tcp", where]
        done = run(command, clean_environment(tmp_path, **database.environment))
    assert (done.returncode, f"无法监听 tcp {where}" in done.stdout) == (1, True)


@pytest.mark.slow
def test_a_title_is_one_visible_line() -> None:
    assert alert("<34>1 - h a - - - one\ntwo\u202e").title == "one two"


@pytest.mark.slow
def test_source_that_falls_silent_and_then_cannot_be_read_is_told_by_the_real_processes(
    database: Database, tmp_path: Path
) -> None:
    waf, now = source(name="边界WAF"), timezone.now()
    row = DataSource.objects.create(
        key=f"syslog:{waf.pk}", door="syslog", name="边界WAF", first_seen=now - timedelta(days=28), last_seen=now - timedelta(hours=4)
    )  # fmt: skip
    start = now.replace(minute=0, second=0, microsecond=0)
    back = [start - timedelta(hours=number) for number in range(4, 28 * 24)]
    SourceHour.objects.bulk_create(SourceHour(source=row, hour=hour, taken=60) for hour in back)
    (port,) = free_ports(1)

    def looked(title: str, status: str) -> None:
        """The background tasks look at it."""

        def told() -> bool:
            Schedule.objects.filter(func=source_watch.JOB).update(next_run=timezone.now())
            DataSource.objects.update(judged_at=None)
            return Alert.objects.filter(source="bifang", title__contains=title, status=status).exists()

        wait_until(told, within=60, every=1.0, what=title)

    env = clean_environment(tmp_path, **database.environment)
    tasks = Started([*MANAGE, "qcluster"], env, tmp_path / "qcluster.out")
    try:
        looked("4 小时没有数据", "open")
        with listening(database, tmp_path, "--tcp", f"127.0.0.1:{port}"):
            with socket.create_connection(("127.0.0.1", port)) as link:
                link.sendall(b"<34>1 - h app - - - back again\n")
                looked("4 小时没有数据", "closed")
                lines = [
                    b"<34>\xff\xfe\n" if number % 5 < 2 else b"<34>1 - h app - - - read\n"
                    for number in range(2000)
                ]
                link.sendall(b"".join(lines))
            wait_until(lambda: SyslogTraffic.objects.get().rejected == 800, within=60, what="the lines")
            looked("读不懂", "open")  # of what came in a day
    finally:
        tasks.kill()
