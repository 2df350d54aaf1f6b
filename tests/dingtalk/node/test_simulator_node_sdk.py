"""DingTalk's own Node SDK (npm dingtalk-stream) uses the simulator as it uses DingTalk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deadline import wait_until
from tests.node_packages import installed
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.outside("node", "npm")
HERE = Path(__file__).parent
LOCAL = {**os.environ, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
CARD = {
    "cardTemplateId": "any.schema",
    "outTrackId": "card-1",
    "callbackType": "STREAM",
    "cardData": {"cardParamMap": {"title": "待审批"}},
    "openSpaceId": "dtv1.card//IM_GROUP.cidDemoGroup==",
    "imGroupOpenDeliverModel": {"robotCode": "dingdemo"},
}


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Path:
    """A folder with the SDK as locked in package-lock.json."""
    return installed(HERE, request.config.cache)


@contextmanager
def running_bot(sim: SimulatorHandle, folder: Path) -> Iterator[None]:
    bot = folder / f"bot-{os.getpid()}.mjs"
    shutil.copy(HERE / "bot.mjs", bot)
    environment = {**LOCAL, "SIMULATOR": sim.base_url}
    process = subprocess.Popen(["node", bot.name], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        sim.wait_connected(within=20)
        yield
    finally:
        process.kill()
        process.wait()
        bot.unlink()


def test_node_sdk_answers_messages_events_and_clicks_and_survives_a_disconnect(sdk: Path) -> None:
    with running_simulator(ping_every_s=0.2, disconnect_grace_s=0.3) as sim, running_bot(sim, sdk):
        said = sim.message("你好", staff_id="lisi")
        (reply,) = sim.wait_replies()
        assert (reply["text"], reply["at_user_ids"], reply["msg_id"]) == (
            "Node：你好",
            ["lisi"],
            said["msg_id"],
        )

        event = sim.event("user_leave_org", {"userId": ["lisi"]})
        wait_until(lambda: any(ack["msg_id"] == event["event_id"] for ack in sim.acks()))

        token = sim.get("/gettoken", appkey="dingdemo", appsecret="demo-secret")["access_token"]
        headers = {"x-acs-dingtalk-access-token": token}
        sim.http.post("/v1.0/card/instances/createAndDeliver", json=CARD, headers=headers).raise_for_status()
        assert sim.click("card-1", "approve")["ack"]["code"] == 200
        assert sim.cards()[0]["params"]["title"] == "wangwu:approve"

        wait_until(lambda: any(ack.get("echoed") for ack in sim.acks()), what="a ping that was echoed")
        before = sim.connections()[0]["id"]
        sim.faults(disconnect=True)
        wait_until(
            lambda: [link for link in sim.connections() if link["id"] != before], what="a new connection"
        )
        sim.message("又来了")
        assert sim.wait_replies(3)[2]["text"] == "Node：又来了"
        wait_until(lambda: sim.state()["counters"]["unacked"] == 0, what="the ack behind the reply")
