"""The script of the Zabbix media type, in Node with Zabbix's request object: what it sends is what is read."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from secops_agent.services.records import AlertRecord

from .reading_aid import of, read
from .test_zabbix import PROBLEM

pytestmark = pytest.mark.outside("node")
SCRIPT = Path(__file__).parents[3] / "docs" / "zabbix_webhook.js"
ZABBIX = """
const sent = {headers: []};
class HttpRequest {
  addHeader(line) { sent.headers.push(line); }
  setProxy(address) { sent.proxy = address; }
  post(url, body) { sent.url = url; sent.body = body; return '{"error": {"code": "x"}}'; }
  getStatus() { return STATUS; }
}
const value = INPUT;
const result = (function () { SCRIPT })();
console.log(JSON.stringify({...sent, result}));
"""


def run(params: dict[str, Any], status: int = 200) -> subprocess.CompletedProcess[str]:
    code = ZABBIX.replace("STATUS", str(status)).replace("INPUT", json.dumps(json.dumps(params)))
    code = code.replace("SCRIPT", SCRIPT.read_text())
    return subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=60, check=False)


def params(**more: str) -> dict[str, str]:
    """As Zabbix hands them over: texts only, the tags too."""
    known = {name: value for name, value in PROBLEM.items() if name != "tags"}
    own = {"bifang_url": "https://bifang.example.com/api/v1/ingest/zabbix/", "bifang_token": "bf_example"}
    return {**known, "tags": json.dumps(PROBLEM["tags"]), **own, **more}


def test_what_the_script_sends_is_read() -> None:
    sent = json.loads(run(params()).stdout)
    assert (sent["result"], sent["url"]) == ("OK", "https://bifang.example.com/api/v1/ingest/zabbix/")
    assert "Authorization: Bearer bf_example" in sent["headers"]
    assert "bf_example" not in sent["body"]
    assert of(read("zabbix", sent["body"]), AlertRecord) == of(read("zabbix", PROBLEM), AlertRecord)


def test_the_script_names_what_is_wrong() -> None:
    assert "bifang_token" in run(params(bifang_token="")).stderr
    assert "HTTP 401" in run(params(), 401).stderr


def test_tags_that_were_not_replaced_are_left_out() -> None:
    assert json.loads(json.loads(run(params(tags="{EVENT.TAGSJSON}")).stdout)["body"])["tags"] == []
