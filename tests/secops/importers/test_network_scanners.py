"""Nessus and OpenVAS: what is read of a report, and what of it is only counted. The samples are made up by hand."""

from datetime import UTC, datetime

from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.services.records import AssetRecord, Cvss, FindingRecord, Key, VulnerabilityRecord

from .reading_aid import of, read, rejected, source_of

HOST = """<ReportHost name="203.0.113.5"><HostProperties>
<tag name="HOST_END_TIMESTAMP">1793750460</tag><tag name="host-ip">203.0.113.5</tag>
<tag name="host-fqdn">web-01.corp.example</tag><tag name="mac-address">AA:BB:CC:00:11:22
AA:BB:CC:00:11:23</tag><tag name="operating-system">Linux Kernel 5.10</tag></HostProperties>
<ReportItem port="443" svc_name="www" protocol="tcp" severity="3" pluginID="190001" pluginName="nginx &lt; 1.25.4 Example" pluginFamily="Web Servers">
<cve>CVE-2026-70007</cve><cwe>787</cwe><cvss3_base_score>7.5</cvss3_base_score><cvss3_vector>CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H</cvss3_vector>
<cvss_base_score>5.0</cvss_base_score><cvss_vector>CVSS2#AV:N/AC:L/Au:N/C:N/I:N/A:P</cvss_vector><risk_factor>Medium</risk_factor>
<description>Made up.</description><solution>Upgrade to 1.25.4.</solution><see_also>https://nginx.example/a
https://nginx.example/b</see_also><vuln_publication_date>2026/02/14</vuln_publication_date>
<plugin_output>
  Installed version : 1.25.1
  Fixed version     : 1.25.4
</plugin_output></ReportItem>
<ReportItem port="0" protocol="tcp" severity="4" pluginID="190002" pluginName="Kernel update" pluginFamily="Local">
<cve>CVE-2026-70008</cve><cve>CVE-2026-70009</cve><cvss3_base_score>9.8</cvss3_base_score><solution>n/a</solution></ReportItem>
<ReportItem port="22" protocol="tcp" severity="2" pluginID="190003" pluginName="SSH default password" pluginFamily="Accounts">
<plugin_output>root / hunter2</plugin_output></ReportItem>
</ReportHost>"""
NOTED = '<ReportHost name="203.0.113.6"><HostProperties/><ReportItem port="80" severity="0" pluginID="11219" pluginName="SYN scanner"/></ReportHost>'
LOCAL = '<ReportHost name="127.0.0.1"><HostProperties><tag name="HOST_END">Sat Oct 31 02:01:00 2026</tag></HostProperties></ReportHost>'
RESULT = """<result id="a1"><name>Example in OpenSSH</name><host>203.0.113.7<asset asset_id="x"/><hostname>db-01</hostname></host><port>22/tcp</port>
<nvt oid="1.3.6.1.4.1.25623.1.0.900001"><type>nvt</type><name>OpenSSH Example</name><family>General</family><cvss_base>9.8</cvss_base>
<severities score="98"><severity type="cvss_base_v3"><score>9.8</score><value>CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</value></severity></severities>
<tags>cvss_base_vector=AV:N/AC:L/Au:N/C:P/I:P/A:P|summary=Made up.|insight=None.</tags><solution type="VendorFix">Update.</solution>
<refs><ref type="cve" id="CVE-2026-70010"/><ref type="url" id="https://openssh.example/x"/></refs></nvt>
<creation_time>2026-10-30T18:01:00Z</creation_time><threat>High</threat><severity>9.8</severity><qod><value>80</value></qod>
<description>Installed version: 8.0
Fixed version:     9.1</description></result>"""
LOGGED = '<result id="a2"><host>203.0.113.7</host><port>general/tcp</port><nvt oid="1"><name>Noted</name></nvt><threat>Log</threat><severity>0.0</severity></result>'


def nessus(*hosts: str) -> str:
    """A whole report of Nessus."""
    return f'<?xml version="1.0" ?>\n<NessusClientData_v2><Policy><policyName>p</policyName></Policy><Report name="scan">{"".join(hosts)}</Report></NessusClientData_v2>'


def openvas(*results: str) -> str:
    """A whole report of OpenVAS."""
    return f'<report id="r" format_id="f"><report id="r"><gmp><version>22.4</version></gmp><results max="9" start="1">{"".join(results)}</results></report></report>'


def test_nessus_host_gives_exact_records() -> None:
    assert registry.detect(source_of(nessus(HOST))) == "nessus"
    items = read("nessus", nessus(HOST))
    [asset] = of(items, AssetRecord)
    assert Key("fqdn", "web-01.corp.example") in asset.keys
    assert Key("mac", "aa:bb:cc:00:11:23") in asset.keys
    assert (asset.ips, asset.description) == (("203.0.113.5",), "操作系统：Linux Kernel 5.10")
    first, *_ = of(items, VulnerabilityRecord)
    assert first.cvss == (Cvss("3.0", 7.5, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "nessus"),)
    assert (first.vuln_id, first.severity, first.cwes) == ("CVE-2026-70007", "high", ("CWE-787",))
    finding = of(items, FindingRecord)[0]
    assert (finding.key, finding.location) == (("190001", "CVE-2026-70007", "tcp/443"), "tcp/443")
    assert (finding.fixed_version, finding.remediation) == ("1.25.4", "Upgrade to 1.25.4.")
    assert finding.references == ("https://nginx.example/a", "https://nginx.example/b")
    assert finding.seen_at == asset.seen_at == datetime.fromtimestamp(1793750460, UTC)
    assert items == read("nessus", nessus(HOST), packed=True)


def test_check_of_several_vulnerabilities_gives_each_a_finding_and_none_its_score() -> None:
    items = read("nessus", nessus(HOST))
    several = [each for each in of(items, FindingRecord) if each.rule_id == "190002"]
    assert [each.vulnerability for each in several] == ["CVE-2026-70008", "CVE-2026-70009"]
    assert {(each.severity, each.location, each.remediation) for each in several} == {("critical", "", "")}
    flaws = {each.vuln_id: each for each in of(items, VulnerabilityRecord)}
    assert flaws["CVE-2026-70008"].cvss == ()


def test_found_password_is_not_stored() -> None:
    items = read("nessus", nessus(HOST))
    assert "hunter2" not in repr(items)
    assert "可能含口令，未保存" in repr(items)


def test_what_a_scanner_only_notes_is_counted_and_a_host_without_identity_rejected() -> None:
    items = read("nessus", nessus(NOTED, LOCAL, HOST))
    places = dict(rejected(items))
    assert places["信息项"] == "共 1 条只是扫描器的记录（级别为信息），没有导入。"
    assert "请在导入时指定资产" in places["ReportHost[1]"]
    assert len(of(items, AssetRecord)) == 2
    mine = AssetRecord("host", "desk", (Key("hostname", "desk"),))
    [local] = of(read("nessus", nessus(LOCAL), Options(asset=mine)), AssetRecord)
    assert (local.name, local.source) == ("desk", "nessus")


def test_openvas_result_gives_exact_records() -> None:
    assert registry.detect(source_of(openvas(RESULT))) == "openvas"
    items = read("openvas", openvas(RESULT, LOGGED))
    [asset], [flaw], [finding] = (
        of(items, kind) for kind in (AssetRecord, VulnerabilityRecord, FindingRecord)
    )
    assert (asset.name, asset.ips) == ("db-01", ("203.0.113.7",))
    assert (flaw.vuln_id, flaw.severity, flaw.cvss[0].version) == ("CVE-2026-70010", "critical", "3.1")
    assert finding.key == ("1.3.6.1.4.1.25623.1.0.900001", "CVE-2026-70010", "tcp/22")
    assert (finding.fixed_version, finding.remediation) == ("9.1", "Update.")
    assert (finding.description, finding.references) == ("Made up.", ("https://openssh.example/x",))
    assert finding.seen_at == datetime(2026, 10, 30, 18, 1, tzinfo=UTC)
    assert rejected(items) == [("信息项", "共 1 条只是扫描器的记录或误报，没有导入。")]
