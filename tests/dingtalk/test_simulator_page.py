"""The chat page: what it is told, live, and that nothing said can become markup or script."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulators.dingtalk.applications import OWN
from simulators.room.page import STATIC
from simulators.room.rendering import render_markdown, render_text
from tests.dingtalk.test_simulator_faults import fetch_webhook
from tests.dingtalk.test_simulator_gateway import Client, read_frame, simulated

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[点我](javascript:alert(1))",
    "[点我](JaVaScRiPt:alert(1))",
    "[点我](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    "![x](data:image/png;base64,AAAA)",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example/" onmouseover="alert(1))',
    "<a href='https://a.example' onclick='alert(1)'>x</a>",
    "`<b onload=x>`",
    "| <svg onload=x> |\n|---|\n| <iframe> |",
    "@<b>lisi</b> \ue000<b>\ue001",
]


async def read_event(response: aiohttp.ClientResponse, name: str) -> Any:
    """The data of the next event of that name."""
    async with asyncio.timeout(120):
        while True:
            block = (await response.content.readuntil(b"\n\n")).decode()
            fields = dict(line.split(": ", 1) for line in block.strip().splitlines() if ": " in line)
            if fields.get("event") == name:
                return json.loads(fields["data"])


async def say_as_robot(client: Client, text: str, **at: Any) -> None:
    """One markdown answer of a robot into the demo group."""
    socket = await client.connect()
    url = await fetch_webhook(client, socket)
    body = {"msgtype": "markdown", "markdown": {"title": "x", "text": text}, "at": at}
    async with client.http.post(url, json=body):
        pass
    await socket.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_never_markup(text: str) -> None:
    for html in (
        render_markdown(text, {"<b>lisi</b>": "<i>李四</i>"}),
        render_text(text, {"u": "<i>李四</i>"}),
    ):
        tags = re.findall(r"<[^>]*>", html)
        assert not any(re.match(r"</?(script|img|svg|iframe|b|i)\b", tag) for tag in tags), html
        assert not any(re.search(r"\son\w+\s*=", re.sub(r'"[^"]*"', '""', tag)) for tag in tags), html
        assert not any(
            re.search(r"(href|src)=.?\s*(javascript|data):", tag, re.IGNORECASE) for tag in tags
        ), html


def test_markdown_shows_tables_lists_links_and_mentions() -> None:
    html = render_markdown("@lisi **好**\n\n| a |\n|---|\n| 1 |\n\n[看](https://a.example)", {"lisi": "李四"})
    assert '<span class="at">@李四</span> <strong>好</strong>' in html
    assert "<table>" in html
    assert '<a href="https://a.example" target="_blank" rel="noopener noreferrer">看</a>' in html


async def test_page_opens_with_people_conversations_and_history() -> None:
    async with simulated() as client:
        await say_as_robot(client, "@lisi **好**", atUserIds=["lisi"])
        page = await client.get("/sim/page")
        assert [person["name"] for person in page["people"]] == ["张三", "李四", "王五", "赵六", "外部访客"]
        assert {"安全值班群", "应急响应群"} <= {room["title"] for room in page["conversations"]}
        asked, answered = page["entries"]
        assert (asked["robot"], asked["state"], answered["robot"]) == (False, "acked", True)
        assert "<strong>好</strong>" in answered["html"]


async def test_page_is_told_live_of_messages_and_connections() -> None:
    async with simulated() as client:
        live = await client.http.get(f"{client.sim.base_url}/sim/live?client_id=dingdemo")
        await read_event(live, "hello")
        await client.post("/sim/messages", {"text": "<b>你好</b>"})
        entry = await read_event(live, "entry")
        assert entry["html"] == "&lt;b&gt;你好&lt;/b&gt;"
        socket = await client.connect()
        assert (await read_event(live, "connection"))["live"] == 1
        await socket.close()
        assert (await read_event(live, "connection"))["live"] == 0
        await client.post("/sim/faults", {"duplicate": 2})
        assert (await read_event(live, "connection"))["faults"] == {"*": {"duplicate": 2}}
        live.close()
        live.close()


def test_links_that_speak_are_left_for_the_page_to_follow() -> None:
    link = "dtmd://dingtalkclient/sendMessage?content=%E7%A1%AE%E8%AE%A4%20A12"
    assert f'<a href="{link}"' in render_markdown(f"[确认 A12]({link})")


@pytest.mark.parametrize("unheard", [False, True])
async def test_tapped_link_reaches_the_robot_without_a_mention_or_not_at_all(unheard: bool) -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/faults", {"link_unheard": unheard})
        tapped = {"text": "确认 A12", "staff_id": "lisi", "link": True}
        assert (await client.post("/sim/messages", tapped))["delivered"] is not unheard
        if not unheard:
            data = json.loads((await read_frame(socket))["data"])
            assert (data["senderStaffId"], data["text"]) == ("lisi", {"content": "确认 A12"})
            assert (data["isInAtList"], data["atUsers"]) == (False, [])
        entry = (await client.get("/sim/page"))["entries"][0]
        assert (entry["at_robot"], entry["state"]) == (False, "local" if unheard else "sent")
        single = await client.post("/sim/messages", {**tapped, "group": False, "conversation_id": "cidS=="})
        assert single["delivered"] is True


@pytest.mark.parametrize("page", ["/", "/apps"])
async def test_page_loads_nothing_from_outside(page: str) -> None:
    async with simulated() as client:
        response = await client.http.get(f"{client.sim.base_url}{page}")
        html = await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        for path in re.findall(r'(?:src|href)="([^"]+)"', html):
            assert path.startswith("/"), path
            async with client.http.get(f"{client.sim.base_url}{path}") as found:
                assert found.status == 200
        for file in (*STATIC.glob("*.js"), *OWN.glob("*.js")):
            assert "http://" not in file.read_text(encoding="utf-8")
            assert "https://" not in file.read_text(encoding="utf-8")


async def test_message_without_mention_stays_in_the_group() -> None:
    async with simulated() as client:
        said = await client.post("/sim/messages", {"text": "自言自语", "at_robot": False})
        state = await client.get("/sim/state")
        assert (said["delivered"], state["counters"]["pushes"]) == (False, 0)
        assert (await client.get("/sim/page"))["entries"][0]["state"] == "local"


async def test_history_survives_a_restart_when_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "var" / "simulator.json"
    async with simulated(state_file=file) as client:
        await say_as_robot(client, "记住我")
        await client.post("/sim/people", {"staff_id": "sunqi", "name": "孙七"})
        await client.post(
            "/sim/messages", {"text": "还没收到", "staff_id": "sunqi", "conversation_id": "cidNew=="}
        )
    async with simulated(state_file=file) as client:
        page = await client.get("/sim/page")
        assert [entry["text"] for entry in page["entries"]] == ["x", "记住我", "还没收到"]
        assert page["entries"][2]["state"] == "lost"
        assert "孙七" in {person["name"] for person in page["people"]}
        assert "cidNew==" in {room["id"] for room in page["conversations"]}
    assert [path.name for path in file.parent.iterdir()] == ["simulator.json"]


async def test_broken_history_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    file.write_text('{"people": [], "rooms": [[', encoding="utf-8")
    async with simulated(state_file=file) as client:
        assert (await client.get("/sim/page"))["entries"] == []
    assert (tmp_path / "simulator.broken").exists()
