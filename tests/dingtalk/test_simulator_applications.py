"""开放平台 in the simulator: making an application, its credentials, Stream 推送, 验证连接通道, and a restart."""

from pathlib import Path
from typing import Any

import pytest

from simulators.dingtalk import Simulator
from tests.deadline import wait_until
from tests.dingtalk.stream_client import running_client
from tests.dingtalk.test_simulator_gateway import Client, read_frame, simulated
from tests.simulator import SimulatorHandle, running_simulator

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = PROJECT / "docs" / "dingtalk_stream_push_setup.md"


async def make(client: Client, name: str = "安全值班助手", **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = await client.post("/sim/apps", {"name": name})
    if changed:
        made = await client.post(f"/sim/apps/{made['client_id']}", changed)
    return made


async def connect(client: Client, app: dict[str, Any]) -> Any:
    grant = await client.open(clientId=app["client_id"], clientSecret=app["client_secret"])
    body = await grant.json()
    return await client.http.ws_connect(f"{body['endpoint']}?ticket={body['ticket']}")


async def test_made_application_has_credentials_of_its_own() -> None:
    async with simulated() as client:
        one, two = await make(client), await make(client)
        assert {one["name"], two["name"]} == {"安全值班助手"}
        for field in ("app_id", "client_id", "client_secret"):
            assert one[field]
            assert one[field] != two[field]
        assert one["endpoint"] == client.sim.base_url
        assert [app["client_id"] for app in await client.get("/sim/apps")] == [
            "dingdemo",
            one["client_id"],
            two["client_id"],
        ]
        refused = await client.open(clientId=one["client_id"], clientSecret=two["client_secret"])
        assert refused.status == 401
        await connect(client, one)
        assert (await client.get("/sim/apps"))[1]["live"] == 1


async def test_nothing_is_pushed_before_stream_is_chosen() -> None:
    async with simulated() as client:
        app = await make(client, robot=True, version="1.0.0")
        socket = await connect(client, app)
        said = {"client_id": app["client_id"], "text": "早了"}
        assert (await client.post("/sim/messages", said))["delivered"] is False
        assert "Stream 推送" in (await client.post("/sim/events", {**said, "event_type": "x"}))["error"]
        page = await client.get(f"/sim/page?client_id={app['client_id']}")
        assert [entry["state"] for entry in page["entries"]] == ["no_stream"]

        await client.post(f"/sim/apps/{app['client_id']}", {"stream": True})
        assert (await client.post("/sim/messages", {**said, "text": "现在"}))["delivered"] is True
        assert "现在" in (await read_frame(socket))["data"]


async def test_robot_hears_only_what_was_added_and_published() -> None:
    async with simulated() as client:
        app = await make(client)
        socket = await connect(client, app)
        address = f"/sim/apps/{app['client_id']}"

        async def say() -> str:
            said = await client.post("/sim/messages", {"client_id": app["client_id"], "text": "在吗"})
            page = await client.get(f"/sim/page?client_id={app['client_id']}")
            assert said["delivered"] is (page["entries"][-1]["state"] == "sent")
            return str(page["entries"][-1]["state"])

        assert await say() == "no_robot"
        assert "添加" in (await client.post(address, {"version": "1.0.0"}))["error"]
        await client.post(address, {"robot": True})
        assert await say() == "unpublished"
        assert "1.0.0" in (await client.post(address, {"version": "第一版"}))["error"]
        assert (await client.post(address, {"version": "1.0.0"}))["version"] == "1.0.0"
        assert await say() == "no_stream"
        await client.post(address, {"stream": True})
        assert await say() == "sent"
        assert "在吗" in (await read_frame(socket))["data"]


async def test_secret_that_was_reset_opens_nothing() -> None:
    async with simulated() as client:
        app = await make(client)
        fresh = await client.post(f"/sim/apps/{app['client_id']}/secret", {})
        assert fresh["client_secret"] != app["client_secret"]
        assert (await client.open(clientId=app["client_id"], clientSecret=app["client_secret"])).status == 401
        await connect(client, fresh)
        assert "启动参数" in (await client.post("/sim/apps/dingdemo/secret", {}))["error"]


def verify(sim: SimulatorHandle, client_id: str = "dingdemo") -> tuple[bool, str]:
    answer = sim.post(f"/sim/apps/{client_id}/verify", {})
    return answer["ok"], answer["message"]


@pytest.mark.slow
def test_verification_tells_a_living_channel_from_a_silent_one() -> None:
    with running_simulator(verify_s=0.2) as sim, running_client(sim.base_url):
        sim.wait_connected()
        ok, message = verify(sim)
        assert ok, message
        assert "验证成功" in message
        sim.faults(half_open=True)
        ok, message = verify(sim)
        assert not ok
        assert "没有回应" in message


def test_verification_names_what_is_missing() -> None:
    with running_simulator() as sim:
        ok, message = verify(sim)
        assert not ok
        assert "没有收到这个应用的连接" in message
        assert sim.base_url in message
        with running_client(sim.base_url, client_secret="wrong") as running:
            running.wait_status("parked")
        assert "Client Secret 与这个应用的不一致" in verify(sim)[1]
        with running_client(sim.base_url):
            sim.wait_connected()
            assert verify(sim)[0]
        wait_until(lambda: not sim.connections())
        assert "没有收到这个应用的连接" in verify(sim)[1]  # the refusal was mended
        app = sim.post("/sim/apps", {"name": "新应用"})
        assert "还没有选择 Stream 推送" in verify(sim, app["client_id"])[1]


@pytest.mark.parametrize("name", ["", "   ", "长" * 21, None])
async def test_name_of_an_application_is_checked(name: Any) -> None:
    async with simulated() as client:
        assert "1 到 20 个字" in (await client.post("/sim/apps", {"name": name}))["error"]
        assert len(await client.get("/sim/apps")) == 1


@pytest.mark.parametrize("path", ["/sim/apps/dingnobody", "/sim/apps/dingnobody/verify"])
async def test_unknown_application_is_refused(path: str) -> None:
    async with simulated() as client:
        assert "dingnobody" in (await client.post(path, {}))["error"]


async def test_applications_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    async with simulated(state_file=file) as client:
        kept = await make(client, stream=True, name="改过的名字")
        other = await make(client)
        ready = {"client_id": "dingthird", "client_secret": "third"}
        third = await client.post("/sim/apps", ready)
        await client.post("/sim/messages", {"client_id": kept["client_id"], "text": "记住我"})
    assert file.stat().st_mode & 0o077 == 0
    async with simulated(state_file=file) as client:
        strip = {"endpoint", "live"}
        after = [{k: v for k, v in app.items() if k not in strip} for app in await client.get("/sim/apps")]
        assert after[1:] == [{k: v for k, v in app.items() if k not in strip} for app in (kept, other, third)]
        await connect(client, kept)
        page = await client.get(f"/sim/page?client_id={kept['client_id']}")
        assert page["robot"]["name"] == "改过的名字"
        assert [entry["text"] for entry in page["entries"]] == ["记住我"]


async def test_application_named_at_the_start_goes_before_the_kept_one(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    async with simulated(state_file=file) as client:
        await client.post("/sim/apps", {"client_id": "dingthird", "client_secret": "old"})
    async with Simulator(apps={"dingthird": "new"}, state_file=file) as sim:
        assert sim.world.robots["dingthird"].secret == "new"


async def test_what_http_mode_was_given_is_shown_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    given = {"robot": "http://127.0.0.1:9/robot", "events": "", "token": "abc", "aes_key": "k" * 43}
    async with simulated(state_file=file) as client:
        app = await make(client, robot=True, version="1.0.0")
        await client.post("/sim/callbacks", {"client_id": app["client_id"], **given})
        shown = (await client.get("/sim/apps"))[-1]
        assert (shown["http"], shown["callbacks"]) == (True, given)
        assert "HTTP" in (await client.post(f"/sim/apps/{app['client_id']}/verify", {}))["message"]
    async with simulated(state_file=file) as client:
        shown = (await client.get("/sim/apps"))[-1]
        assert (shown["http"], shown["callbacks"]) == (True, given)
        await client.post("/sim/callbacks", {"client_id": app["client_id"], "off": True})
        shown = (await client.get("/sim/apps"))[-1]
        assert (shown["http"], shown["callbacks"]["robot"]) == (False, "")


async def test_guide_names_an_application_that_is_ready_and_that_the_demo_does_not_take() -> None:
    """What a person copies out of the guide's local chapter opens a connection to a simulator as it starts."""
    guide, demo = GUIDE.read_text("utf-8"), (PROJECT / "deploy/local/demo.yaml").read_text("utf-8")
    async with Simulator() as sim:
        free = [robot for robot in sim.world.robots.values() if robot.client_id not in demo]
        assert [
            robot.name for robot in free if f"`{robot.client_id}`" in guide and f"`{robot.secret}`" in guide
        ]
        assert all(robot.stream for robot in free)
