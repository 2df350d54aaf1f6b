"""What a chat message says, whatever shape it comes in."""

import json
import random
from typing import Any

import pytest

from dingtalk_integration.handlers import cards, chat, events
from dingtalk_integration.handlers.contents import Content, mapping_of, read_content, text_of
from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, DELEGATE_TOPIC, Frame


def frame(data: Any, topic: str = CHAT_TOPIC, kind: Any = "chat", **headers: Any) -> Frame:
    return Frame(kind, topic, headers, "frame-1", data, json.dumps({"data": data}))


TEXT = {"msgtype": "text", "text": {"content": " 有哪些告警 "}}
CASES: list[tuple[dict[str, Any], str]] = [
    (TEXT, "有哪些告警"),
    ({"msgtype": "text", "text": json.dumps({"content": "字符串里的对象"})}, "字符串里的对象"),
    ({"msgtype": "text", "text": "不是对象"}, "不是对象"),
    ({"msgtype": "audio", "content": {"recognition": " 语音文字 "}}, "语音文字"),
    ({"msgtype": "richText", "content": {"richText": [{"text": "a"}, {"text": "b"}, 3]}}, "ab"),
]


@pytest.mark.parametrize(("data", "text"), CASES)
def test_text_is_found(data: dict[str, Any], text: str) -> None:
    content = read_content(data)
    assert (content.text, content.cannot_read) == (text, "")


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({"msgtype": "picture", "content": {"downloadCode": "c"}}, "图片"),
        ({"msgtype": "video", "content": {}}, "视频"),
        ({"msgtype": "file", "content": {"fileName": "report.json"}}, "「report.json」"),
        ({"msgtype": "file", "content": {}}, "「未命名」"),
        ({"msgtype": "audio", "content": {"downloadCode": "c"}}, "语音"),
        ({"msgtype": "richText", "content": {"richText": [{"downloadCode": "c"}]}}, "图片"),
        ({"msgtype": "unknownMsgType", "content": {"unknownMsgType": "sticker"}}, "sticker"),
        ({"msgtype": "of_tomorrow"}, "of_tomorrow"),
        ({}, "未知"),
        ({"msgtype": "text", "text": {"content": "  "}}, "没有写内容"),
    ],
)
def test_what_cannot_be_read_is_said_in_chinese(data: dict[str, Any], part: str) -> None:
    content = read_content(data)
    assert content.text == ""
    assert part in content.cannot_read


def quoting(content: Any, text: str = "是真的吗") -> dict[str, Any]:
    return {
        "msgtype": "text",
        "text": {"content": text, "isReplyMsg": True, "repliedMsg": {"content": content}},
    }


@pytest.mark.parametrize(
    "content",
    [
        {"text": "原话"},
        json.dumps({"text": "原话"}),
        {"content": "原话"},
        "原话",
        {"richText": [{"text": "原"}, {"text": "话"}]},
    ],
)
def test_quoted_message_is_kept_apart(content: Any) -> None:
    assert read_content(quoting(content)) == Content("是真的吗", quoted="原话")
    assert read_content(quoting(content, text=" ")) == Content(quoted="原话")


def _shapes(said: str) -> list[dict[str, Any]]:
    """Everything in which words arrive that the sender did not type."""
    plain = {"text": said}
    record = [{"senderNick": "王五", "msgType": "text", "content": said}]
    nested = {"text": {"content": "", "isReplyMsg": True, "repliedMsg": {"content": plain}}}
    contents: list[Any] = [plain, {"content": said}, {"title": said}, {"summary": said}, said, json.dumps(plain),
                           {"richText": [{"text": said}]}, {"markdown": {"text": said}}, {"chatRecord": json.dumps(record)},
                           {"chatRecord": record}, nested, json.dumps(nested), {"a": {"b": [json.dumps({"c": plain})]}}]  # fmt: skip
    quotes = [quoting(one, text="") for one in contents]
    unflagged = [{"msgtype": "text", "text": {"content": " ", "repliedMsg": {"content": plain}}}]
    beside = [{"msgtype": "text", "text": {"content": ""}, "quote": {"content": plain}}]
    types = [
        "chatRecord",
        "interactiveCard",
        "actionCard",
        "markdown",
        "link",
        "oa",
        "of_tomorrow",
        "unknownMsgType",
        "",
    ]
    others = [
        {"msgtype": kind, place: one}
        for kind in types
        for one in contents
        for place in ("content", kind or "content")
    ]
    rich = [
        {"msgtype": "richText", "content": {"richText": [item]}}
        for item in (
            {"type": "quote", "text": said},
            {"text": said, "repliedMsg": {}},
            {"type": "mention", "text": said},
        )
    ]
    rich.append({"msgtype": "richText", "content": {"richText": [], "repliedMsg": {"content": plain}}})
    return [*quotes, *unflagged, *beside, *others, *rich]


@pytest.mark.parametrize("said", ["停止", "同意 F9KDQD", "确认 F9KDQD", "封禁 203.0.113.5"])
def test_nothing_that_was_not_typed_or_spoken_is_the_senders_word(said: str) -> None:
    for data in _shapes(said):
        content = read_content(data)
        assert content.text == "", data
        assert said in content.quoted, data
        item = chat.normalise(frame(data), 1)
        assert (item.text, item.urgent) == ("", False), data


def test_typed_words_are_the_senders_beside_a_quotation() -> None:
    item = chat.normalise(frame(quoting({"text": "停止"}, text="这是什么意思")), 1)
    assert (item.text, item.payload["quoted"], item.urgent) == ("这是什么意思", "停止", False)
    data = {
        "msgtype": "richText",
        "content": {"richText": [{"text": "看看"}, {"type": "quote", "text": "停止"}]},
    }
    assert (read_content(data).text, read_content(data).quoted) == ("看看", "停止")


@pytest.mark.parametrize("name", ["[x](dtmd://a)", "![](https://evil)", "<b>\u202efdp.exe", "`a`\n# b"])
def test_names_of_files_and_types_are_no_markup(name: str) -> None:
    for data in ({"msgtype": "file", "content": {"fileName": name}}, {"msgtype": name, "content": {}}):
        told = read_content(data).cannot_read
        assert not set(told) & set("[]<>`#*\u202e\n"), told


@pytest.mark.parametrize(
    "rest", [{}, {"msgtype": "text"}, {"msgtype": "audio"}, {"msgtype": "text", "text": None}]
)
@pytest.mark.parametrize(
    ("error", "part"),
    [
        ({"errorCode": 20001, "errorMessage": "over"}, "额度"),
        ({"errCode": "20001", "errMsg": "over"}, "额度"),
        ({"errorCode": "40035"}, "40035"),
        ({"errCode": "**[点我](https://evil.example)**"}, "未知"),
    ],
)
def test_message_whose_content_dingtalk_withheld_says_so(
    error: dict[str, Any], part: str, rest: dict[str, Any]
) -> None:
    content = read_content({**rest, **error})
    assert content.text == ""
    assert part in content.cannot_read
    assert "evil" not in content.cannot_read


@pytest.mark.parametrize("code", [0, "0", "", None])
def test_message_without_an_error_is_read(code: Any) -> None:
    assert read_content({**TEXT, "errorCode": code}).text == "有哪些告警"


def test_long_quote_is_cut() -> None:
    assert len(read_content(quoting({"text": "长" * 5000})).quoted) == 1000


def test_a_file_that_can_be_fetched_needs_no_excuse_and_has_no_path() -> None:
    for name in ("..\\..\\etc\\[a](b).json", "/tmp/[a](b).json"):
        found = read_content({"msgtype": "file", "content": {"fileName": name, "downloadCode": "c"}})
        assert found.cannot_read == ""
        assert found.files == ({"download_code": "c", "name": "［a］(b).json"},)


def test_files_keep_their_download_codes() -> None:
    data = {"msgtype": "richText", "content": {"richText": [{"text": "看"}, {"downloadCode": "c1"}]}}
    assert read_content(data).files == ({"download_code": "c1", "name": ""},)


ODD: list[Any] = [None, True, 7, 1.5, "", "x", [], {}, [1], {"a": 1}, "[" * 50, "²", "9" * 400, -1]
FIELDS = ("msgId", "conversationId", "senderStaffId", "senderId", "sessionWebhook", "sessionWebhookExpiredTime",
          "conversationType", "text", "content", "msgtype", "robotCode", "senderNick", "createAt")  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_no_shape_of_a_message_fails(seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["text", "richText", "picture", "audio", "file", "new", 5]
    data = {name: chance.choice(ODD) for name in FIELDS} | {"msgtype": chance.choice(kinds)}
    for name in ("text", "content"):
        if chance.random() < 0.5:
            inner = ("content", "richText", "isReplyMsg", "repliedMsg", "recognition", "fileName")
            data[name] = {key: chance.choice(ODD) for key in inner}
    item = chat.normalise(frame(data), 1)
    assert item.external_id
    json.dumps(dict(item.payload), allow_nan=False)
    cards.normalise(frame(data, CARD_TOPIC, "card"), 1)
    events.normalise(frame(data, "*", "event"), 1)


def test_chat_message_is_normalised() -> None:
    data = {
        **TEXT,
        "msgId": "m1",
        "conversationId": "cid",
        "conversationType": "2",
        "senderStaffId": "lisi",
        "senderId": "$:1",
        "senderCorpId": "corp",
        "robotCode": "dingx",
        "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=s",
        "sessionWebhookExpiredTime": 1_700_000_000_000,
        "createAt": 1_699_994_600_000,
    }
    item = chat.normalise(frame(data), 7)
    assert item.said_ms == 1_699_994_600_000
    assert (item.config_id, item.external_id, item.conversation_id, item.sender_id) == (
        7,
        "m1",
        "cid",
        "lisi",
    )
    assert item.target is not None
    assert (item.target.is_group, item.target.webhook_expires_ms) == (True, 1_700_000_000_000)
    assert "session=s" not in json.dumps(dict(item.payload))
    assert chat.normalise(frame({**data, "msgId": ""}), 7).external_id == "frame-1"
    delegated = chat.normalise(frame(data, DELEGATE_TOPIC), 7)
    assert delegated.payload["delegated"] is True


@pytest.mark.parametrize("text", ["确认", "确认 3", "同意 12", "拒绝", "停止"])
def test_decisions_are_urgent(text: str) -> None:
    assert chat.normalise(frame({"msgtype": "text", "text": {"content": text}}), 1).urgent


@pytest.mark.parametrize("text", ["确认一下这个告警", "有哪些告警", "同意吗"])
def test_other_sentences_are_not_urgent(text: str) -> None:
    assert not chat.normalise(frame({"msgtype": "text", "text": {"content": text}}), 1).urgent


def test_event_is_known_by_its_event_id() -> None:
    given = frame({"eventId": "in-data"}, "*", "event", eventId="e1", eventType="t", eventCorpId="corp")
    item = events.normalise(given, 1)
    assert (item.external_id, item.payload["type"], item.payload["corp_id"]) == ("e1", "t", "corp")
    assert events.normalise(frame({"eventId": "in-data"}, "*", "event"), 1).external_id == "in-data"
    assert events.normalise(frame({}, "*", "event"), 1).external_id == "frame-1"


def test_card_click_is_normalised_from_a_string_or_an_object() -> None:
    content = {"cardPrivateData": {"actionIds": ["approve"], "params": {"id": "4"}}}
    for given in (content, json.dumps(content)):
        data = {"outTrackId": "card", "userId": "lisi", "content": given}
        payload = cards.normalise(frame(data, CARD_TOPIC, "card"), 1).payload
        assert (payload["action_ids"], payload["params"]) == (["approve"], {"id": "4"})


def test_readers_never_fail() -> None:
    for value in ODD:
        text_of({"x": value}, "x")
        mapping_of({"x": value}, "x")
