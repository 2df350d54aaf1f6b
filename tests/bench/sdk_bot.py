"""The bot to compare with: as small as the SDK's own `AsyncChatbotHandler` makes it. Stores nothing.

Run: ``DINGTALK_OPENAPI_ENDPOINT=http://… python -m tests.bench.sdk_bot CLIENT_ID SECRET MODEL_SECONDS``
"""

import logging
import sys
import threading

from dingtalk_stream import AckMessage, AsyncChatbotHandler, ChatbotMessage, Credential, DingTalkStreamClient

_model = threading.Event()


class Bot(AsyncChatbotHandler):  # type: ignore[misc]
    """Answers every message with markdown after the model's time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def process(self, message: object) -> tuple[int, str]:
        """On a thread of the SDK's pool; the SDK has acknowledged already."""
        incoming = ChatbotMessage.from_dict(message.data)  # type: ignore[attr-defined]
        if self._seconds:
            _model.wait(self._seconds)
        self.reply_markdown("毕方", f"收到 {incoming.text.content.strip()}", incoming)
        return AckMessage.STATUS_OK, "OK"


def main() -> None:
    """Until killed."""
    client_id, secret, seconds = sys.argv[1:4]
    logging.basicConfig(level=logging.WARNING)
    client = DingTalkStreamClient(Credential(client_id, secret), logger=logging.getLogger("sdk_bot"))
    client.register_callback_handler(ChatbotMessage.TOPIC, Bot(float(seconds)))
    client.start_forever()


if __name__ == "__main__":
    main()
