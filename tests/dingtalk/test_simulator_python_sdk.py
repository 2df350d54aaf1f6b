"""DingTalk's own Python SDK (dingtalk-stream) uses the simulator as it uses DingTalk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.deadline import wait_until
from tests.simulator import SimulatorHandle, running_simulator

BOT = """
import websockets.exceptions  # the SDK forgets to
import dingtalk_stream as sdk

class Chat(sdk.ChatbotHandler):
    async def process(self, callback):
        message = sdk.ChatbotMessage.from_dict(callback.data)
        text = message.text.content.strip()
        if text == "卡片":
            card = sdk.AICardReplier(self.dingtalk_client, message)
            number = await card.async_start("any.schema", {"title": "分析"})
            await card.async_streaming(number, "content", "一二", append=False, finished=False, failed=False)
            await card.async_finish(number, {"content": "一二三"})
        else:
            self.reply_markdown("回声", f"Python：{text}", message)
        return sdk.AckMessage.STATUS_OK, "OK"

class Events(sdk.EventHandler):
    async def process(self, event):
        return sdk.AckMessage.STATUS_OK, "OK"

client = sdk.DingTalkStreamClient(sdk.Credential("dingdemo", "demo-secret"))
client.register_callback_handler(sdk.ChatbotMessage.TOPIC, Chat())
client.register_all_event_handler(Events())
client.start_forever()
"""


@contextmanager
def running_bot(sim: SimulatorHandle) -> Iterator[None]:
    environment = {**os.environ, "DINGTALK_OPENAPI_ENDPOINT": sim.base_url, "NO_PROXY": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-c", BOT], env=environment, stderr=subprocess.DEVNULL)
    try:
        sim.wait_connected(within=20)
        yield
    finally:
        process.kill()
        process.wait()


def test_python_sdk_answers_messages_events_and_shows_an_ai_card() -> None:
    with running_simulator(ping_every_s=0.2) as sim, running_bot(sim):
        said = sim.message("你好", staff_id="lisi")
        (reply,) = sim.wait_replies()
        assert (reply["text"], reply["at_user_ids"], reply["msg_id"]) == (
            "Python：你好",
            ["lisi"],
            said["msg_id"],
        )

        event = sim.event("org_admin_add", {"userId": ["lisi"]})
        wait_until(lambda: any(ack["msg_id"] == event["event_id"] for ack in sim.acks()))

        sim.message("卡片")
        (card,) = wait_until(lambda: [one for one in sim.cards() if one["params"].get("flowStatus") == "3"])
        assert card["params"]["content"] == "一二三"
        assert sim.replies()[-1]["route"] == "card"

        wait_until(lambda: any(ack.get("echoed") for ack in sim.acks()), what="a ping that was echoed")
        before = sim.connections()[0]["id"]
        sim.faults(disconnect=True)
        wait_until(
            lambda: [link for link in sim.connections() if link["id"] != before], what="a new connection"
        )
        sim.message("又来了")
        assert sim.wait_replies(3)[2]["text"] == "Python：又来了"
        wait_until(lambda: sim.state()["counters"]["unacked"] == 0, what="the ack behind the reply")
