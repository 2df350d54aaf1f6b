"""The pages of a REST API's tools: the same as an MCP service's, and the definition survives what they change."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bifang.core.models import SystemConfig
from secops_agent.admin.automation.mcp import address
from secops_agent.services.mcp import catalogue
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.secops.http_tools.aid import TOOLS, save

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def test_a_configuration_is_shown_with_its_tools_and_a_class_is_changed_without_losing_the_request() -> None:
    config, root = save("http://127.0.0.1:8"), superuser()
    assert "HTTP 工具" in text_of(root.get(f"{reverse('admin:core_systemconfig_add')}?kind=http_tools"))
    page = text_of(root.get(reverse("admin:core_systemconfig_change", args=[config.pk])))
    assert "get_rule" in page
    place = address(config, "block")
    assert "HTTP 工具「边界防火墙」的工具" in text_of(root.get(place))
    form = {"act": "class", "class": "dangerous", "role": "approver", "verify": "get_rule", "undo": "unblock"}
    root.post(place, form)
    root.post(address(config, "unblock"), {"act": "class", "class": ""})
    changed = SystemConfig.objects.get().params["tools"]
    assert changed["block"]["request"] == {
        "method": "POST",
        "path": "/rules",
        "json": TOOLS["block"]["request"]["json"],
    }
    assert changed["block"]["roles"] == ["approver"]
    states = {tool.name: tool.state for tool in catalogue.known_tools(SystemConfig.objects.get())}
    assert states == {"get_rule": "ready", "block": "ready", "unblock": "off"}
    assert changed["unblock"]["request"] == {"method": "DELETE", "path": "/rules/{address}"}
