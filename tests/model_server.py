"""Models for worker processes and pages: the fake servers in a thread."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.fake_dashscope import FakeDashScope, Reply, Say, text_of
from tests.fake_openai import FakeOpenAI

Server = TypeVar("Server", FakeDashScope, FakeOpenAI)


@dataclass(frozen=True)
class Echo:
    """Answers with ``text``: {text} is the last user message without what we add, {previous} the one before, {turns}
    how many there are. ``together``: so many requests must be there before one is answered. ``release``: none is
    before it is set."""

    text: str = "收到 {text}"
    delay: float = 0.0
    together: int = 1
    release: threading.Event | None = None

    def __call__(self, body: dict[str, Any]) -> Reply:
        """The answer to a request."""
        users = [text_of(one["content"]) for one in body["input"]["messages"] if one["role"] == "user"]
        said = [re.sub(r"\n\n（(?:代码读出的|没有列出|现在是).*）", "", text, flags=re.S) for text in users]
        values = {"turns": str(len(said)), "previous": said[-2] if len(said) > 1 else "无", "text": said[-1]}
        return Say(self.text.format(**values))


@contextmanager
def running_model(echo: Echo | None = None, *, api_keys: set[str] | None = None) -> Iterator[str]:
    """Its base URL, for as long as the context is open."""
    answer = echo or Echo()
    waits = {"delay": answer.delay, "together": answer.together, "release": answer.release}
    fake = FakeDashScope(answer=answer, api_keys=api_keys, **waits)
    with in_a_thread(fake):
        yield fake.base_url


@contextmanager
def in_a_thread(fake: Server) -> Iterator[Server]:
    """A fake server beside synchronous code."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(120)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(120)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(120)
        loop.close()
