"""Whose line it is, and how sources are written down."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import AuditRecord, SyslogListener, SyslogSource
from secops_agent.syslog.sources import RateLimit, SourceBook, enabled_sources, sender
from tests.admin_pages import serve_plain_static, superuser
from tests.databases import Database
from tests.secops.syslog.lines_aid import source


def test_the_longest_prefix_wins() -> None:
    wide = source(1, "全部", ("10.0.0.0/8", "2001:db8::/32"))
    narrow = source(2, "机房", ("10.1.0.0/16", "10.0.0.7/32"))
    book = SourceBook([wide, narrow])
    found = [book.find(each) for each in ("10.1.2.3", "10.0.0.7", "10.0.0.8", "2001:db8::1", "203.0.113.1")]
    assert found == [narrow, narrow, wide, wide, None]
    book.replace([wide])
    assert book.find("10.1.2.3") == wide


def test_forged_addresses_cost_little() -> None:
    book = SourceBook([source()])
    for number in range(20_000):
        book.find(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(book._known) <= 4096


def test_an_address_has_one_form() -> None:
    assert sender("::ffff:203.0.113.9") == "203.0.113.9"
    assert sender("fe80::1%eth0") == "fe80::1"


def test_a_bucket_holds_two_seconds() -> None:
    limit = RateLimit(10)
    taken = sum(limit.wait() == 0 for _ in range(1000))
    assert 20 <= taken <= 40
    assert 0 < limit.wait() <= 0.1
    assert RateLimit(0).wait() == 0


def apply(tmp_path: Path, *entries: dict[str, Any]) -> None:
    file = tmp_path / "syslog.yaml"
    file.write_text(yaml.safe_dump({"syslog_sources": list(entries)}, allow_unicode=True))
    call_command("apply_configs", str(file))


def test_apply_configs_writes_sources(database: Database, tmp_path: Path, capsys: Any) -> None:
    entry = {"name": "防火墙", "networks": ["10.1.0.0/16", "10.1.0.0/16", "192.0.2.7"], "encoding": "gbk",
             "time_zone": "UTC", "format": "suricata", "plain_level": "err", "rate": 50}  # fmt: skip
    apply(tmp_path, entry)
    apply(tmp_path, entry)
    (row,) = SyslogSource.objects.all()
    assert capsys.readouterr().out == f"{row.pk}\tsyslog_source\t防火墙\n" * 2
    assert (row.networks, row.encoding, row.zone, row.plain_level, row.rate) == (
        ["10.1.0.0/16", "192.0.2.7/32"], "gb18030", "UTC", 3, 50,
    )  # fmt: skip
    assert AuditRecord.objects.filter(what__contains="Syslog 来源「防火墙」").count() == 1
    apply(tmp_path, entry | {"enabled": False})
    assert enabled_sources() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"networks": ["10.1.2.3/16"]}, "「10.1.2.3/16」不是网段"),
        ({"networks": []}, "至少写一个网段"),
        ({"networks": ["10.9.0.0/16"]}, "已经属于来源「别的」"),
        ({"time_zone": "Mars/Base"}, "不认识的时区「Mars/Base」"),
        ({"time_zone": "../../etc/passwd"}, "不认识的时区"),
        ({"format": "nosuch"}, "没有这种格式"),
        ({"encoding": "latin-1"}, "encoding 只能是"),
        ({"rate": -1}, "rate 应不小于 0"),
        ({"port": 1}, "不认识的键「port」"),
    ],
)
def test_apply_configs_names_what_is_wrong(
    database: Database, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    SyslogSource.objects.create(name="别的", networks=["10.9.0.0/16"])
    with pytest.raises(CommandError, match=r"syslog_sources 第 1 项（防火墙）") as caught:
        apply(tmp_path, {"name": "防火墙", "networks": ["10.1.0.0/16"], **change})
    assert told in str(caught.value)


@pytest.mark.slow
def test_the_page_takes_networks_as_people_write_them(
    database: Database, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    client = superuser()
    page = reverse("admin:secops_agent_syslogsource_add")
    form = {"name": "防火墙", "enabled": "on", "networks": "10.1.0.0/16\n10.2.0.0/16，10.3.0.1", "encoding": "utf-8",
            "zone": "Asia/Shanghai", "format": "auto", "plain_level": "4", "rate": "500"}  # fmt: skip
    assert client.post(page, form).status_code == 302
    row = SyslogSource.objects.get()
    assert row.networks == ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.1/32"]
    refused = client.post(page, form | {"name": "另一个"}).content.decode()
    assert "已经属于来源「防火墙」" in refused
    SyslogListener.objects.create(
        owner="a:1", places=["udp 0.0.0.0:5814"], started_at=timezone.now(), heartbeat_at=timezone.now(), unknown=3, strangers={"10.1.2.3": 2, "192.0.2.9": 1}
    )  # fmt: skip
    listed = client.get(reverse("admin:secops_agent_syslogsource_changelist")).content.decode()
    assert all(
        each in listed for each in ("udp 0.0.0.0:5814 <", "最近一行：还没有收到", "端口 5814", "-P 5814 -T")
    )
    assert ("192.0.2.9（1 次）" in listed, "10.1.2.3（" in listed) == (True, False)
    shown = client.get(reverse("admin:secops_agent_syslogsource_change", args=[row.pk])).content.decode()
    assert "10.2.0.0/16\n10.3.0.1/32" in shown
    client.post(reverse("admin:secops_agent_syslogsource_delete", args=[row.pk]), {"post": "yes"})
    assert AuditRecord.objects.filter(what__contains="Syslog 来源「防火墙」").count() == 2
