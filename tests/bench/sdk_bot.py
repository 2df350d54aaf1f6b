"""The bot to compare with: as small as the SDK's own `AsyncChatbotHandler` makes it, with 通义千问 by its SDK.

It stores nothing. Run: ``DINGTALK_OPENAPI_ENDPOINT=http://… DASHSCOPE_HTTP_BASE_URL=http://… python -m
tests.bench.sdk_bot CLIENT_ID SECRET``
"""

import logging
import sys

import dashscope
from dingtalk_stream import AckMessage, AsyncChatbotHandler, ChatbotMessage, Credential, DingTalkStreamClient

RULES = "你是毕方，在钉钉里工作的安全运营助手，用简洁的中文回答。"


class Bot(AsyncChatbotHandler):  # type: ignore[misc]
    """Answers every message with what the model says."""

    def process(self, message: object) -> tuple[int, str]:
        """On a thread of the SDK's pool; the SDK has acknowledged already."""
        incoming = ChatbotMessage.from_dict(message.data)  # type: ignore[attr-defined]
        self.reply_markdown("毕方", ask(incoming.text.content.strip()), incoming)
        return AckMessage.STATUS_OK, "OK"


def ask(text: str) -> str:
    """The model's whole answer, streamed."""
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": text}]
    events = dashscope.Generation.call(
        model="qwen-plus", messages=messages, api_key="sk-bench", result_format="message", stream=True,
        incremental_output=True,
    )  # fmt: skip
    return "".join(event.output.choices[0].message.content for event in events)


def main() -> None:
    """Until killed."""
    client_id, secret = sys.argv[1:3]
    logging.basicConfig(level=logging.WARNING)
    client = DingTalkStreamClient(Credential(client_id, secret), logger=logging.getLogger("sdk_bot"))
    client.register_callback_handler(ChatbotMessage.TOPIC, Bot())
    client.start_forever()


if __name__ == "__main__":
    main()
