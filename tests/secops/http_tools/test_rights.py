"""Who may say what is sent: superusers and the operator's file; others may only ask more of people, or switch off."""

from typing import Any

import pytest

from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.services.mcp import catalogue
from tests.secops.http_tools.aid import ACTIONS, TOOLS, WALL, save

pytestmark = pytest.mark.django_db
OPERATES = Author(7, "operator", "admin")
BLOCK = TOOLS["block"]


def attempt(config: SystemConfig, **given: Any) -> str:
    """What somebody who is no superuser is told; "" if it was saved."""
    try:
        configs.save(config.kind, config.name, True, given, config=config, author=OPERATES)
    except configs.FieldErrors as errors:
        return str(errors)
    return ""


def block(**changed: Any) -> dict[str, Any]:
    return {**TOOLS, "block": {**BLOCK, **changed}}


@pytest.mark.parametrize(
    "given",
    [
        {
            "tools": block(
                **{"class": "read", "request": {**BLOCK["request"], "reads": True}, "verify": "", "undo": ""}
            )
        },
        {"tools": block(**{"class": "write"})},
        {"tools": block(request={**BLOCK["request"], "path": "/users"})},
        {"tools": block(success={"status": [200, 500]})},
        {
            "tools": {
                **TOOLS,
                "reboot": {"class": "dangerous", "request": {"method": "POST", "path": "/reboot"}},
            }
        },
        {
            "tools": {
                **TOOLS,
                "off": {"class": "dangerous", "enabled": False, "request": {"method": "POST", "path": "/r"}},
            }
        },
        {"login": {"request": {"method": "POST", "path": "/login"}, "extract": "token"}},
        {"actions": {}},
        {"sign": "aliyun"},
        {"dry_run": False},
        {"base_url": "http://127.0.0.1:9"},
    ],
    ids=str,
)
def test_who_is_no_superuser_changes_nothing_that_is_sent(given: dict[str, Any]) -> None:
    config = save("http://127.0.0.1:8", actions=ACTIONS, dry_run=True)
    assert "超级管理员" in attempt(config, **given)


def test_asking_more_of_people_and_switching_off_is_free_and_opening_again_is_not() -> None:
    config = save("http://127.0.0.1:8")
    assert attempt(config, tools=block(roles=["approver"])) == ""
    off = catalogue.reclassed(config, "block", None)
    assert attempt(config, tools=off) == ""
    config.refresh_from_db()
    assert {tool.name: tool.state for tool in catalogue.known_tools(config)}["block"] == "off"
    on = catalogue.reclassed(config, "block", {"class": "dangerous"})
    assert on["block"]["request"]["path"] == "/rules"
    assert "超级管理员" in attempt(config, tools=on)
    configs.save(config.kind, WALL, True, {"tools": on}, config=config)


def test_secrets_are_needed_where_they_are_named_and_shown_nowhere() -> None:
    tools = {"look": {"class": "read", "request": {"path": "/x", "query": {"key": "{secret.key}"}}}}
    with pytest.raises(configs.FieldErrors, match="缺少密钥「key」"):
        save("http://127.0.0.1:8", tools)
    config = save("http://127.0.0.1:8", tools, secrets={"key": "very-secret-key"})
    assert "very-secret-key" not in str(config.params)
    (tool,) = catalogue.tools_of(config)
    assert catalogue.shown_request(tool, {}) == "GET http://127.0.0.1:8/x?key=***"
