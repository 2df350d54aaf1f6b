"""What programs and models are told that there is, and which alerts each list finds."""

import hashlib
import re
import urllib.parse
from collections.abc import Iterator
from io import StringIO
from typing import Any

from tests.record.stage import Sheaf, browser, lines_of_page, mcp, program, tidy, told


def documents(sheaf: Sheaf) -> None:
    """What programs and models are told that there is."""
    from django.core.management import call_command

    from secops_agent.agent.turn.toolbox import all_specs
    from secops_agent.services.audit.history import ACTIONS

    out = StringIO()
    call_command("spectacular", stdout=out)
    sheaf.write("openapi.yaml", out.getvalue())
    sheaf.write_json(
        "tools_model.json", [[each.name, each.description, each.parameters] for each in all_specs()]
    )
    for name in ("viewer", "analyst", "responder", "superuser"):
        client = program(sheaf.users[name], "read", "write")
        sheaf.write_json(f"tools_mcp_{name}.json", mcp(client, "tools/list", {})["result"]["tools"])
    sheaf.write_json("history_words.json", dict(ACTIONS))


# Lists: the same question by page, API and chat.


def page_queries(asset: int, rule: str, person: int, listed: int) -> Iterator[str]:
    """Query strings of the page: every parameter, some together, and what it refuses."""
    yield from (
        "",
        "tab=mine",
        "tab=unassigned",
        "tab=at_risk",
        "tab=all&sort=newest",
        "page=2",
        "tab=all&page=3",
    )
    yield from (
        "severity=critical",
        "severity=critical&severity=high&status=open",
        "status=closed&verdict=false_positive",
    )
    yield from (
        f"asset={asset}",
        f"rule={urllib.parse.quote(rule)}",
        f"assignee={person}",
        "assignee=0",
        f"assignee=0&assignee={person}",
    )
    yield from (
        f"list={listed}",
        "q=SSH",
        "q=web-01&severity=high",
        "span=24h",
        "from=2026-11-20&to=2026-11-25",
        "source=wazuh&status=closed",
    )
    yield from (
        "severity=grave",
        "nothing=1",
        "asset=x",
        "page=0",
        "page=999",
        "q=" + "x" * 201,
        "from=2026-13-01",
        "status=open&status=open",
    )
    yield from (
        f"asset={asset}&q=ssh&span=7d&status=open&status=closed&sort=newest",
        "assignee=-1",
        "q=a&q=b",
        "source=" + "x" * 61,
    )
    yield from ("overdue=1", "technique=T1110", "address=10.0.0.0/24", "listed=1", "time_of=closed")


def api_queries(asset: int, person: int) -> Iterator[str]:
    """Query strings of the API."""
    yield from (
        "",
        "severity=critical,high&status=open",
        "severity=critical&severity=low",
        "verdict=false_positive",
        "source=wazuh",
    )
    yield from (
        f"asset={asset}",
        "asset=web-01",
        "asset=nothing-like-this",
        f"assignee_id={person}",
        "unassigned=true",
        "overdue=true",
    )
    yield from (
        "at_risk=true",
        "listed=true",
        "technique=T1110",
        "technique=x",
        "address=10.0.0.0/16",
        "address=300.1.1.1",
        "keyword=SSH",
    )
    yield from (
        "time_of=closed&since=2026-11-20T00:00:00%2B08:00",
        "since=2026-11-25T00:00:00Z&until=2026-11-26T00:00:00Z",
    )
    yield from (
        "ordering=last_seen&limit=3",
        "ordering=x",
        "limit=0",
        "limit=1001",
        "severity=grave",
        "nothing=1",
        "cursor=x",
        "asset=",
    )
    yield from (
        "keyword=",
        "unassigned=maybe",
        "since=yesterday",
        "assignee_id=0",
        "assignee_id=x",
        "time_of=x",
        "tab=mine",
        "source=" + "x" * 300,
    )


def tool_arguments(asset: str) -> Iterator[dict[str, Any]]:
    """Arguments of list_alerts."""
    yield from (
        {},
        {"severity": "high"},
        {"severity": "critical,high", "status": "open"},
        {"status": "closed"},
        {"status": "all"},
        {"due": "overdue"},
    )
    yield from (
        {"due": "soon"},
        {"unassigned": True},
        {"listed": True},
        {"assignee": "李四"},
        {"assignee": "我"},
        {"keyword": "SSH"},
        {"keyword": "李四"},
    )
    yield from (
        {"asset": asset},
        {"asset": "10.9.9.9"},
        {"period": "this_week"},
        {"since_hours": 24},
        {"since_hours": 48, "until_hours": 24},
    )
    yield from (
        {"time_of": "closed", "since_hours": 72},
        {"verdict": "false_positive"},
        {"technique": "T1110"},
        {"technique": "x"},
        {"address": "10.0.0.0/16"},
    )
    yield from (
        {"owner": "李四"},
        {"environment": "生产"},
        {"importance": "high"},
        {"urgent": True, "limit": 3},
        {"limit": 3, "offset": 3},
        {"nothing": 1},
    )
    yield from (
        {"severity": "grave"},
        {"keyword": "T1110"},
        {"keyword": "10.0.0.0/24"},
        {"asset": "nothing-like-this"},
        {"limit": 0},
    )


def lists(sheaf: Sheaf) -> None:
    """Which alerts each list finds, for whoever reads private parts and for others."""
    from django.db.models import Count

    from secops_agent.models import Alert, Asset, IndicatorList, Staff

    asset = Asset.objects.annotate(number=Count("alert_links")).order_by("-number", "pk")[0]
    rule = Alert.objects.exclude(rule_name="").values_list("rule_name", flat=True).order_by("pk")[0]
    person = Staff.objects.get(staff_id="lisi").pk
    listed = IndicatorList.objects.order_by("pk").values_list("pk", flat=True).first() or 1
    pages, api, tools = [], [], []
    for name in ("viewer", "analyst"):
        user = sheaf.users[name]
        client, token = browser(user), program(user, "read")
        for query in page_queries(asset.pk, rule, person, listed):
            for path in ("alerts/", "alerts/facets/", "alerts/news/"):
                more = "&mark=5" if path == "alerts/news/" else ""
                answer = client.get(f"/{path}?{query}{more}")
                text = lines_of_page(answer)
                shown = dict.fromkeys(re.findall(r'href="/alerts/(\d+)/', text))
                digest = hashlib.sha256(text.encode()).hexdigest()[:12]
                pages.append(f"{name} {path}?{query[:80]} → {answer.status_code} {digest} {' '.join(shown)}")
                if path == "alerts/facets/":
                    pages.append("    " + re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))[:3000])
        for path in ("alerts/", "alerts/statistics/"):
            for query in api_queries(asset.pk, person):
                for more in ("", "group_by=rule") if path != "alerts/" else ("",):
                    answer = token.get(f"/api/v1/{path}?{query}{'&' * bool(query and more)}{more}")
                    api.append(
                        f"{name} {path}?{query[:80]}&{more} → {answer.status_code}\n    {tidy(told(answer.json()))}"
                    )
        for tool in ("list_alerts", "alert_statistics"):
            for given in tool_arguments(asset.name):
                answer = mcp(token, "tools/call", {"name": tool, "arguments": given})
                tools.append(f"{name} {tool} {given}\n{tidy(answer['result']['content'][0]['text'])}\n")
    sheaf.write("lists_pages.txt", "\n".join(pages))
    sheaf.write("lists_api.txt", "\n".join(api))
    sheaf.write("lists_tools.txt", "\n".join(tools))
