"""Feishu's chat page: what it is told, that cards can be pressed, and that nothing said can become markup or script."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest

from simulators.feishu import Simulator
from simulators.feishu.contents import read_content
from simulators.feishu.server import OWN
from tests.dingtalk.test_simulator_page import HOSTILE, read_event
from tests.feishu.robot import connected
from tests.feishu_simulator import FeishuHandle, running_feishu

CARD = {
    "schema": "2.0",
    "header": {"title": {"tag": "plain_text", "content": "严重告警"}, "template": "red"},
    "body": {
        "elements": [
            {"tag": "markdown", "content": "**主机** <font color='red'>web-01</font> <at id=ou_lisi></at>"},
            {"tag": "hr"},
            {"tag": "column_set", "columns": [{"tag": "column", "elements": [
                {"tag": "button", "text": {"tag": "plain_text", "content": "确认"}, "type": "primary",
                 "behaviors": [{"type": "callback", "value": {"do": "ack"}}]},
                {"tag": "button", "text": {"tag": "plain_text", "content": "详情"},
                 "behaviors": [{"type": "open_url", "default_url": "https://bifang.example/"}]},
            ]}]},
        ]
    },
}  # fmt: skip


def send(sim: FeishuHandle, msg_type: str, content: Any) -> str:
    """The bot says something in the demo group; its message id."""
    keys = {"app_id": "cli_demo", "app_secret": "demo-secret"}
    token = sim.post("/open-apis/auth/v3/tenant_access_token/internal", keys)["tenant_access_token"]
    body = {"receive_id": "oc_demo_group", "msg_type": msg_type, "content": json.dumps(content)}
    path = "/open-apis/im/v1/messages?receive_id_type=chat_id"
    answer = sim.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    return str(answer.json()["data"]["message_id"])


def entry_of(sim: FeishuHandle, message_id: str) -> dict[str, Any]:
    return next(one for one in sim.get("/sim/page")["entries"] if one["id"] == message_id)


def test_page_opens_with_people_rooms_and_what_became_of_each_message() -> None:
    with running_feishu(demo=True) as sim:
        page = sim.get("/sim/page")
        assert [one["name"] for one in page["people"]] == ["张三", "李四", "王五", "赵六", "外部访客"]
        assert {room["title"] for room in page["conversations"]} == {"安全值班群", "毕方"}
        with connected(sim) as robot:
            assert sim.get("/sim/page")["connection"]["live"] == 1
            heard = sim.message("你好", group=True, open_id="ou_outsider")["message_id"]
            frame, event = robot.receive_event()
            assert event["event"]["sender"]["tenant_key"] == "tenant_other"
            robot.ack(frame)
            sim.wait_acks()
            unheard = sim.message("自言自语", group=True, at_bot=False, unheard=True)["message_id"]
            shown = entry_of(sim, heard)
            assert (shown["state"], shown["name"], shown["at_robot"]) == ("acked", "外部访客", True)
            assert entry_of(sim, unheard)["state"] == "local"
            assert sim.state()["counters"]["pushes"] == 1
        sim.reset()
        assert len(sim.get("/sim/page")["conversations"]) == 6


def test_card_shows_text_and_buttons_and_a_click_brings_its_value_and_a_toast() -> None:
    with running_feishu(demo=True) as sim, connected(sim) as robot:
        message_id = send(sim, "interactive", CARD)
        shown = entry_of(sim, message_id)["card"]["public"]
        assert shown["title"] == "严重告警"
        assert "<strong>主机</strong> web-01 <strong>@李四</strong>" in shown["html"]
        assert '<a href="https://bifang.example/"' in shown["html"]
        [button] = shown["buttons"]
        assert (button["text"], button["style"], button["value"]) == ("确认", "primary", {"do": "ack"})

        with ThreadPoolExecutor(1) as hand:
            pressed = hand.submit(sim.click, message_id, button["value"], open_id="ou_wangwu")
            frame, event = robot.receive_event()
            new = {"type": "raw", "data": {**CARD, "body": {"elements": []}}}
            robot.ack(frame, data={"toast": {"type": "success", "content": "已确认"}, "card": new})
            answer = pressed.result(60)
        told = event["event"]
        assert (told["action"]["value"], told["operator"]["open_id"]) == ({"do": "ack"}, "ou_wangwu")
        assert (answer["ok"], answer["toast"]["content"]) == (True, "已确认")
        assert answer["latency_ms"] > 0
        assert entry_of(sim, message_id)["card"]["public"]["buttons"] == []


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_cards_and_posts_are_never_markup(text: str) -> None:
    card = {"header": {"title": {"content": text}}, "elements": [{"tag": "div", "text": {"content": text}}]}
    post = {
        "zh_cn": {
            "title": text,
            "content": [[{"tag": "md", "text": text}, {"tag": "a", "text": text, "href": text}]],
        }
    }
    with running_feishu(demo=True) as sim:
        for kind, content in (("interactive", card), ("post", post)):
            html = entry_of(sim, send(sim, kind, content))["html"]
            assert not any(
                tag in html
                for tag in ("<script", "<img", "<svg", "<iframe", 'href="javascript', 'href="data')
            )


@pytest.mark.parametrize(
    "content", ["[]", "1", '{"elements": 1}', '{"body": {"elements": [1, {"tag": "button"}]}}', "{"]
)
def test_content_of_any_shape_is_shown_as_far_as_it_can_be(content: str) -> None:
    for kind in ("interactive", "post"):
        assert isinstance(read_content(kind, content).markdown, str)


async def test_page_is_the_common_one_and_learns_what_changes() -> None:
    async with Simulator(port=0, demo=True) as sim, aiohttp.ClientSession(sim.base_url) as http:
        async with http.get("/") as page:
            html = await page.text()
            assert "飞书模拟器" in html
            assert "$platform" not in html
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        for file in OWN.glob("*.js"):
            assert "https://" not in file.read_text(encoding="utf-8")
            async with http.get(f"/own/{file.name}") as found:
                assert found.status == 200
        async with http.get("/sim/live") as live:
            await read_event(live, "hello")
            await http.post("/sim/messages", json={"text": "在吗", "group": True})
            entry = await read_event(live, "entry")
            assert (entry["html"], entry["name"]) == ("在吗", "张三")
            await http.post("/sim/faults", json={"no_pong": True})
            assert (await read_event(live, "connection"))["faults"] == {"*": {"no_pong": True}}
