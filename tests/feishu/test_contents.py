"""What Feishu's messages say: what stands to be read, never more than that, and nothing endless."""

import json
from typing import Any

import pytest

from feishu_integration.handlers.contents import read_message, read_quote

BOT = {"key": "@_user_1", "id": {"open_id": "ou_bot", "user_id": ""}, "mentioned_type": "bot", "name": "毕方"}
LISI = {
    "key": "@_user_2",
    "id": {"open_id": "ou_lisi", "user_id": "lisi"},
    "mentioned_type": "user",
    "name": "李四",
}


def said(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"message_type": kind, "content": json.dumps(content), "mentions": [BOT, LISI], **fields}


def text_of(*lines: list[dict[str, Any]], title: str = "") -> str:
    return read_message(said("post", {"title": title, "content": list(lines)})).text


def test_rich_text_is_what_stands_to_be_read() -> None:
    first = [
        {"tag": "at", "user_id": "@_user_1", "user_name": "毕方"}, {"tag": "text", "text": " 看一下 ", "style": ["bold"]},
        {"tag": "a", "text": "这份公告", "href": "https://a.example/"}, {"tag": "a", "href": "https://b.example/"},
        {"tag": "at", "user_id": "@_user_2", "user_name": "别人说的名字"}, {"tag": "img", "image_key": "img_1"},
        {"tag": "emotion", "emoji_type": "SMILE"},
    ]  # fmt: skip
    code = [
        {"tag": "code_block", "language": "BASH", "text": "curl 10.0.0.5\n"},
        {"tag": "md", "text": "**@_user_2**"},
    ]
    assert text_of(first, [{"tag": "hr"}], code, title="请看") == (
        "请看\n 看一下 这份公告https://b.example/@李四\n\n\ncurl 10.0.0.5\n**@李四**"
    )


@pytest.mark.parametrize("whom", ["@_user_1", "ou_bot"])
def test_we_are_not_mentioned_to_ourselves(whom: str) -> None:
    assert text_of([{"tag": "at", "user_id": whom}, {"tag": "text", "text": " 你好"}]) == "你好"


def test_everybody_and_strangers_are_shown_by_harmless_names() -> None:
    line = [
        {"tag": "at", "user_id": "all"},
        {"tag": "at", "user_id": "ou_x", "user_name": "[点](https://evil.example)"},
    ]
    assert text_of(line).startswith("@所有人@")
    assert "](" not in text_of(line)


def test_rich_text_may_have_a_language_around_it() -> None:
    inner = {"title": "", "content": [[{"tag": "text", "text": "你好"}]]}
    assert read_message(said("post", {"zh_cn": inner})).text == "你好"


def deep(levels: int) -> Any:
    value: Any = {"tag": "text", "text": "深"}
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "content",
    [
        None, [], "text", 7, {}, {"content": None}, {"content": {}}, {"content": [None, 7, {"tag": "text", "text": "x"}]},
        {"content": [[None, [], {"tag": 7, "text": 7}, {"tag": "text", "text": ["x"]}]]}, {"content": deep(300)},
        {"title": {"text": "x"}, "content": [[{"tag": "text", "text": {"text": "x"}}]]},
    ],
)  # fmt: skip
def test_what_is_no_rich_text_says_nothing(content: Any) -> None:
    words = read_message(said("post", content))
    assert words.text == ""
    assert "没有写内容" in words.cannot_read


def test_nesting_beyond_the_parser_says_nothing() -> None:
    words = read_message({"message_type": "post", "content": "[" * 100_000})
    assert (words.text, bool(words.cannot_read)) == ("", True)


@pytest.mark.slow
def test_a_flood_of_elements_is_cut() -> None:
    one = {"tag": "text", "text": "x"}
    assert len(text_of([one] * 100_000)) == 3000
    assert len(text_of(*[[one]] * 100_000)) < 2000


def test_only_pictures_are_answered_as_pictures_are() -> None:
    words = read_message(said("post", {"content": [[{"tag": "img", "image_key": "img_1"}]]}))
    assert words == read_message(said("image", {"image_key": "img_1"}))
    assert "看不了图片" in words.cannot_read


def test_a_file_keeps_its_key_and_no_path() -> None:
    words = read_message(said("file", {"file_key": "file_v3_1", "file_name": "..\\..\\etc/passwd"}))
    assert words.files == ({"file_key": "file_v3_1", "name": "passwd"},)
    assert (words.text, words.cannot_read) == ("", "")
    assert "重新发送" in read_message(said("file", {"file_name": "a.csv"})).cannot_read


def test_a_quote_is_read_in_the_same_way() -> None:
    content = {"title": "告警", "content": [[{"tag": "a", "text": "web-01", "href": "https://evil.example"}]]}
    assert read_quote({"msg_type": "post", "body": {"content": json.dumps(content)}}) == "告警\nweb-01"
    card = {"body": {"elements": [{"tag": "markdown", "content": "请审批"}]}}
    assert read_quote({"msg_type": "interactive", "body": {"content": json.dumps(card)}}) == "请审批"
