"""``http_tools``: what is written for an OpenAPI document is a file that can be applied, safe as it stands."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bifang.core.configuration.documents import read_yaml
from bifang.core.models import SystemConfig
from secops_agent.services.mcp.catalogue import known_tools

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3", "info": {"title": "防火墙"}, "servers": [{"url": "https://fw.corp.example/api/v1"}],
    "paths": {
        "/rules/{ruleId}": {
            "parameters": [{"$ref": "#/components/parameters/rule"}],
            "get": {"operationId": "getRule", "summary": "查一条规则", "parameters": [{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}]},
            "delete": {"operationId": "deleteRule"},
        },
        "/rules": {
            "get": {"parameters": [{"name": "address", "in": "query", "schema": {"type": "string", "format": "ipv4"}}, {"name": "pageSize", "in": "query", "schema": {"type": "integer"}}]},
            "post": {"operationId": "getRule", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rule"}}}}},
        },
    },
    "components": {
        "parameters": {"rule": {"name": "ruleId", "in": "path", "required": True, "schema": {"type": "string"}}},
        "schemas": {"Rule": {"type": "object", "required": ["ip"], "properties": {
            "ip": {"type": "string", "format": "ipv4"}, "direction": {"enum": ["in", "out"]}, "tags": {"type": "array", "items": {"type": "string"}},
            "nested": {"type": "object", "properties": {"x": {"type": "string"}}}}}},
    },
}  # fmt: skip


def draft(document: Any, tmp_path: Path) -> str:
    path, out = tmp_path / "openapi.json", StringIO()
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    call_command("http_tools", "from-openapi", str(path), stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_draft_reads_by_get_keeps_the_rest_off_and_can_be_applied(tmp_path: Path, settings: Any) -> None:
    text = draft(DOCUMENT, tmp_path)
    (entry,) = read_yaml(text)["configs"]
    tools = entry["tools"]
    assert (entry["base_url"], entry["dry_run"], len(tools)) == ("https://fw.corp.example", True, 4)
    assert {name for name, tool in tools.items() if tool["class"] == "read"} == {"getRule", "get_rules"}
    assert tools["getRule"]["request"]["path"] == "/api/v1/rules/{rule_id}"
    assert tools["get_rules"]["arguments"]["address"] == {"type": "ip", "optional": True}
    made = tools["getRule_2"]
    assert (made["class"], made["enabled"]) == ("dangerous", False)
    assert made["request"]["json"] == {"ip": "{ip}", "direction": "{direction}", "tags": "{tags}"}
    settings.ADDRESS_ALLOW_LIST = ["fw.corp.example"]
    (tmp_path / "draft.yaml").write_text(text, "utf-8")
    call_command("apply_configs", str(tmp_path / "draft.yaml"))
    states = {tool.name: tool.state for tool in known_tools(SystemConfig.objects.get())}
    assert states == {"getRule": "ready", "get_rules": "ready", "getRule_2": "off", "deleteRule": "off"}


@pytest.mark.parametrize(
    "document", ["[]", "{}", "a: *b", "x" * (9 << 20), {"openapi": "3", "paths": []}, "[" * 9000]
)
def test_what_is_no_openapi_document_is_refused_in_words(document: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        draft(document, tmp_path)


def test_hostile_documents_end(tmp_path: Path) -> None:
    loop = {
        "openapi": "3.1.0",
        "paths": {"/x": {"post": {"requestBody": {"$ref": "#/a"}, "parameters": [7, None, {"$ref": "#/a"}]}}},
        "a": {"$ref": "#/a"},
    }
    assert "/x" in draft(loop, tmp_path)
