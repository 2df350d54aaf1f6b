"""What people see of an answer while it is being written: never more than the final text would show."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secops_agent.agent.llms.placeholders import mask
from secops_agent.agent.turn.drafts import Drafts
from secops_agent.agent.turn.grounding import Sources, check
from secops_agent.llm.types import Completion, Delta, OnDelta, Request
from tests.scripted_model import Scripted, call
from tests.secops.demo_aid import Sink, agent, asking, demo

__all__ = ["demo"]
SECRETS = (
    "密码是 Hunter2-Zebra", "口令：天王盖地虎", "password=correct-horse", "联系人 138 1234 5678", "手机１３８００１３８０００",
    "Cookie: sid=abcdef; theme=dark", "Authorization: Bearer abcdefghijkl", "AK 为 LTAI5tQnKx8abcdefghij", "令牌 ghp_abcdefghij0123456789",
    "postgres://bifang:s3cret-word@db-01/x", "卡号 4111 1111 1111 1111", "身份证 11010519491231002X",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
)  # fmt: skip
PARTS = (
    "Hunter2", "天王盖", "correct", "1234 56", "38001", "abcdef", "LTAI5tQ", "s3cret", "1111 1111", "194912", "MIIEow",
    "３８００１", "ghp_abc",
)  # fmt: skip
UNKNOWN = ("198.51.100.9", "evil.example.com", "https://bad.example.org/a", "CVE-2030-12345", "a" * 64)


def readable(text: str, said: tuple[str, ...] = (), *, group: bool = True) -> str:
    sink = Sink()
    Drafts(sink, said, is_group=group, marked=True).stream(text)
    return sink.texts[0]


def prefixes(text: str) -> list[str]:
    return [text[:end] for end in range(len(text) + 1)]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_beginning_of_a_secret_is_shown_in_a_group(secret: str) -> None:
    whole = f"查到了：{secret}\n请尽快更换。"
    assert mask(whole) != whole, "the sample is a secret"
    shown = [readable(text) for text in prefixes(whole)]
    assert not [text for text in shown for part in PARTS if part in text]
    assert shown[-1].endswith("请尽快更换。")
    assert "已隐藏" in shown[-1]


def test_private_chat_shows_what_the_reader_may_see() -> None:
    assert "Hunter2-Zebra" in readable(f"{SECRETS[0]} 。", group=False)


@pytest.mark.parametrize("value", UNKNOWN)
def test_nothing_unknown_is_shown_without_its_mark(value: str) -> None:
    for text in prefixes(f"请封禁 {value} 这个来源，再看 {value}，完毕。"):
        shown = readable(text)
        assert shown.count(value) == shown.count(f"{value}（未核实）")
    assert shown.count("（未核实）") == 2


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from([*SECRETS, *UNKNOWN, "10.0.0.5", "主机", "，", " ", "\n", "ok", "**10.0.0.5**"]),
        max_size=12,
    )
)
def test_whole_draft_is_a_beginning_of_the_final_text(pieces: list[str]) -> None:
    text = "。".join(pieces)  # glued together they are other names
    final = check(mask(text), Sources(("10.0.0.5",)))
    shown = readable(text, ("10.0.0.5",))
    assert final.startswith(shown)


class Typing(Scripted):
    """Writes its text character by character."""

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        completion = await super().complete(request, None)
        for letter in completion.message.content if on_delta else "":
            on_delta(Delta(letter))  # type: ignore[misc]  # heard in these tests
            await asyncio.sleep(0)
        return completion


@pytest.mark.slow
def test_growing_answer_in_a_group_is_filtered(demo: Any) -> None:
    said = "web-01（10.0.0.5）连过 198.51.100.9 和 evil.example.com，密码是 Hunter2-Zebra ，请尽快更换并通知负责人处理，谢谢大家。"
    sink = Sink()

    async def run() -> Any:
        made = agent(Typing([call("get_asset", asset="web-01"), said]))
        try:
            return await made.answer(*asking("查一下那台机器", group=True, quoted="web-01 不对劲"), sink)
        finally:
            await made.close()

    reply, *_private = asyncio.run(run()).replies  # the accounts in the card go to the asker alone
    assert any("10.0.0.5" in text for text in sink.texts), "what a tool found is shown"
    for text in sink.texts:
        assert "10.0.0.5（未核实）" not in text
        assert "Hunter" not in text
        assert text.count("198.51.100.9") == text.count("198.51.100.9（未核实）")
    assert "198.51.100.9（未核实）" in sink.texts[-1]
    assert "evil.example.com（未核实）" in reply.text
