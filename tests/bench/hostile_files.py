"""Hostile files of 1 MiB for every format: many, wide, deep and long ones, refused ones, packed ones."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.bench.hostile_references import attacks
from tests.secops.importers import cn_samples, cn_samples_hosts
from tests.secops.importers.test_alertmanager import WEBHOOK
from tests.secops.importers.test_aliyun_sas import RESPONSE
from tests.secops.importers.test_cnvd import ENTRY
from tests.secops.importers.test_csaf import FLAW, advisory
from tests.secops.importers.test_cyclonedx import BOM
from tests.secops.importers.test_elastic import DETECTION
from tests.secops.importers.test_falco import EVENT as FALCO
from tests.secops.importers.test_generic import DOCUMENT
from tests.secops.importers.test_grafana import WEBHOOK as GRAFANA
from tests.secops.importers.test_grype import REPORT as GRYPE
from tests.secops.importers.test_kev import CATALOGUE
from tests.secops.importers.test_nmap import HOST
from tests.secops.importers.test_nuclei import V3
from tests.secops.importers.test_openvex import SAID
from tests.secops.importers.test_openvex import document as vex_document
from tests.secops.importers.test_osv import ADVISORY
from tests.secops.importers.test_sarif import CODEQL
from tests.secops.importers.test_spdx import SYSTEM, sbom
from tests.secops.importers.test_splunk import ENVELOPE
from tests.secops.importers.test_suricata import EVENT as SURICATA
from tests.secops.importers.test_trivy import REPORT as TRIVY
from tests.secops.importers.test_wazuh import ALERT as WAZUH
from tests.secops.importers.test_zabbix import PROBLEM

MIB = 1 << 20
PLAIN = 32 * MIB  # what a packed MiB may always be


@dataclass(frozen=True, slots=True)
class Form:
    """What stands around the records of a format, one record, a broken one, and what is between two."""

    head: str
    one: str
    tail: str
    bad: str = '{"x":1}'
    between: str = ","

    def of(self, record: str, size: int = MIB) -> bytes:
        """As many of the record as fit; each "CVE-2026-" in it gets a number of its own."""
        room = size - len((self.head + self.tail).encode())
        parts: list[str] = []
        if "CVE-2026-" not in record:
            parts = [record] * (room // len((record + self.between).encode()))
            room = 0
        for number in count(10_000):
            part = record.replace("CVE-2026-", f"CVE-2026-{number}")
            room -= len((part + self.between).encode())
            if room < 0:
                break
            parts.append(part)
        return (self.head + self.between.join(parts) + self.tail).encode()


def _json(document: dict[str, Any], path: str, record: Any = None) -> Form:
    whole = json.loads(json.dumps(document))
    *steps, last = path.split(".")
    place = whole
    for step in steps:
        place = place[int(step)] if step.isdecimal() else place[step]
    one = record or place[last][0]
    place[last] = "@@"
    head, tail = json.dumps(whole).split('"@@"')
    return Form(f"{head}[", json.dumps(one), f"]{tail}")


def _tables(name: str, header: str, row: str, short: str) -> dict[str, Form]:
    """A table, and one of as many columns as may be, of which a row fills the first."""
    wide = header + "".join(f",c{number}" for number in range(990)) + "\n"
    return {
        name: Form(f"{header}\n", row, "", bad=",,x", between="\n"),
        f"{name} 990 列": Form(wide, short, "", bad=",,x", between="\n"),
    }


def _lines(record: Any, header: str = "") -> Form:
    return Form("", header + json.dumps(record), "", bad='{"x":1}', between="\n")


_ROOT = '<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1"><components>'
_LIBRARY = '<component type="library"><name>a</name><version>1</version></component>'
FORMS: dict[str, Form] = {
    "trivy": _json(TRIVY, "Results.0.Vulnerabilities"),
    "grype": _json(GRYPE, "matches"),
    "sarif": _json(CODEQL, "runs.0.results"),
    "cyclonedx": _json(BOM, "vulnerabilities"),
    "cyclonedx XML": Form(_ROOT, _LIBRARY, "</components></bom>", bad="<component/>", between="\n"),
    "spdx": _json(sbom(SYSTEM), "packages"),
    "csaf": _json(advisory(FLAW), "vulnerabilities"),
    "openvex": _json(vex_document(SAID), "statements"),
    "osv": _lines(ADVISORY),
    "nuclei": _lines(V3),
    "nmap": Form("<nmaprun>", HOST, "</nmaprun>", bad='<host><status state="up"/></host>', between="\n"),
    "wazuh": _lines(WAZUH),
    "suricata": _lines(SURICATA),
    "falco": _lines(FALCO),
    "alertmanager": _json(WEBHOOK, "alerts"),
    "grafana": _json(GRAFANA, "alerts"),
    "elastic": _lines(DETECTION),
    "zabbix": _lines(PROBLEM),
    "splunk": _lines(ENVELOPE),
    "aliyun_sas": _json(RESPONSE, "SuspEvents"),
    "kev": _json(CATALOGUE, "vulnerabilities"),
    "epss": Form("#model_version:v1,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\n", "CVE-2026-,0.9,0.9", "", bad="x", between="\n"),
    "cnvd": Form("<vulnerabilitys>", ENTRY, "</vulnerabilitys>", bad="<vulnerability/>", between="\n"),
    **_tables("assets_csv", "hostname,ip,owner", "web-CVE-2026-,203.0.113.9,x", "web"),
    **_tables("findings_csv", "漏洞名称,CVE编号,风险等级,主机IP", "x,CVE-2026-,高,203.0.113.9", "x"),
    **_tables("alerts_csv", "告警名称,级别,主机IP,时间", "CVE-2026-,高,203.0.113.9,2026-11-20 10:00:00", "x"),
    **_tables("indicators_csv", "value,type", "CVE-2026-.example.com,domain", "x"),
    "generic": _json(DOCUMENT, "alerts"),
    "tencent_cwp": _json(cn_samples.tencent("MalWareList", cn_samples.MALWARE), "Response.MalWareList"),
    "huawei_hss": _json({"total_num": 1, "data_list": [cn_samples.HSS]}, "data_list"),
    "huawei_secmaster": _json({"code": "0", "data": [cn_samples.SECMASTER]}, "data"),
    "safeline": _lines(cn_samples.SAFELINE, "<30>1 waf "),
    "skyeye": _lines(cn_samples.SKYEYE, "<12>|!alarm|!"),
    "tdp": _lines(cn_samples.TDP, "<1>tdp "),
    "sangfor_xdr": _json(cn_samples.xdr(cn_samples.XDR_ALERT), "data.item"),
    "sangfor_sip": _lines(cn_samples_hosts.SIP_ALARM, "<14>|!alarm|!"),
    "qingteng": _json(cn_samples_hosts.rows(cn_samples_hosts.QT_BRUTE), "rows"),
    "qingteng syslog": Form("", cn_samples_hosts.QT_LINE, "", bad='datatype="x"', between="\n"),
}  # fmt: skip


def files() -> Iterator[tuple[str, str, bytes]]:
    """(format, shape, file)."""
    for name, form in FORMS.items():
        yield name, "许多小记录", form.of(form.one)
        # The first is whole, so that the file is known.
        first = Form(form.head + form.one + form.between, "", form.tail, between=form.between)
        yield name, "许多被拒的", first.of(form.bad)
        yield name, "压缩的被拒的", gzip.compress(first.of(form.bad, PLAIN), 6)
        yield name, "一条很长", form.of(_stretched(form.one, "x" * 900_000), 2 * MIB)[: MIB + 64]
        for shape, body in _nested(first, MIB):
            yield name, shape, body
        for shape, body in _nested(first, 4 * MIB - 256 * 1024):
            yield name, f"压缩的{shape}", packed(body)
    yield from attacks()


def _stretched(record: str, text: str) -> str:
    """Its longest text made longer."""
    texts = sorted(
        record.split('"')[1::2] if record.startswith(("{", "<30", "<12", "<14", "<1>")) else ["a"], key=len
    )
    return record.replace(texts[-1], text, 1)


def packed(body: bytes) -> bytes:
    """Of 1 MiB, so that as much as can be is allowed: the file's name in the header is long."""
    small = gzip.compress(body, 6)
    return b"\x1f\x8b\x08\x08" + small[4:10] + b"x" * (MIB - len(small) - 1) + b"\0" + small[10:]


def _nested(first: Form, size: int) -> Iterator[tuple[str, bytes]]:
    if first.tail.startswith("<"):
        yield "很深", first.of("<a>" * 90 + "</a>" * 90, size)
        yield "很宽", first.of("<a>" + "<a/>" * (size // 4 - 1024) + "</a>", size)
        return
    if not first.head.startswith(("{", "<")):
        yield "很宽", first.of("," * 1000, size)
        return
    yield "很深", first.of('{"a":' + "[" * 90 + "]" * 90 + "}", size)
    yield "很宽", first.of('{"a":[' + "{}," * (size // 3 - 4096) + "{}]}", size)
    keys = ",".join(f'"{number}":1' for number in range(size // 13))
    yield "许多键", first.of("{" + keys + "}", size)
