"""Feishu's own Node SDK (npm @larksuiteoapi/node-sdk) uses the simulator as it uses Feishu."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deadline import wait_until
from tests.feishu_simulator import FeishuHandle, running_feishu
from tests.node_packages import installed

pytestmark = pytest.mark.outside("node", "npm")
APP_ID = "cli_a1b2c3d4e5f60718"  # the SDK refuses ids of another form
HERE = Path(__file__).parent
LOCAL = {**os.environ, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Path:
    """A folder with the SDK as locked in package-lock.json."""
    return installed(HERE, request.config.cache)


@contextmanager
def running_bot(sim: FeishuHandle, folder: Path) -> Iterator[None]:
    bot = folder / f"bot-{os.getpid()}.mjs"
    shutil.copy(HERE / "bot.mjs", bot)
    environment = {**LOCAL, "SIMULATOR": sim.base_url, "APP_ID": APP_ID}
    process = subprocess.Popen(["node", bot.name], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        sim.wait_connected(APP_ID, within=20)
        yield
    finally:
        process.kill()
        process.wait()
        bot.unlink()


def test_node_sdk_answers_messages_in_parts_clicks_and_pings_and_reconnects(sdk: Path) -> None:
    quick = {"ping_interval_s": 1, "reconnect_interval_s": 1, "reconnect_nonce_s": 0}
    with running_feishu({APP_ID: "demo-secret"}, **quick) as sim, running_bot(sim, sdk):
        said = sim.message("你好", open_id="ou_lisi")
        (reply,) = sim.wait_replies()
        assert (reply["text"], reply["reply_to"]) == ("Node：你好", said["message_id"])
        (ack,) = sim.wait_acks()
        assert (ack["fault"], ack["code"]) == ("", 200)
        assert int(ack["biz_rt"]) <= 0  # the SDK subtracts the wrong way round

        sim.faults(split=3, split_order="shuffled")
        sim.message("分成三份")
        assert sim.wait_replies(2)[1]["text"] == "Node：分成三份"
        assert sim.wait_acks(2)[1]["fault"] == ""
        sim.faults(clear=True)

        sim.message("卡片")
        card = sim.wait_replies(3)[2]
        clicked = sim.click(card["message_id"], {"decision": "approve"}, open_id="ou_wangwu")
        assert clicked["toast"] == {"type": "success", "content": "ou_wangwu:approve"}
        assert clicked["card"] == {"body": {"elements": [{"content": "已批准"}]}}
        wait_until(lambda: sim.connections(APP_ID)[0]["pings"], within=10, what="a ping")

        (old,) = sim.connections(APP_ID)
        sim.faults(close=True)
        wait_until(
            lambda: [link for link in sim.connections(APP_ID) if link["id"] != old["id"]],
            within=20,
            what="a new connection",
        )
        sim.message("又见面了")
        assert sim.wait_replies(4)[3]["text"] == "Node：又见面了"
