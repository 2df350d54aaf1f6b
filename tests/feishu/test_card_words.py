"""What Feishu's dialect of Markdown could be made to do by words from outside, it does not do."""

import json
from typing import Any

import pytest

from bifang.channels.ports import Button
from feishu_integration.cards.content import card_json, feishu_text, is_person

ALL = "<at id=all></at>"
EVIL = [
    ALL,
    "<AT ID=all></AT>",
    '<at user_id="all">所有人</at>',
    "&lt;at id=all&gt;&lt;/at&gt;",
    "&#60;at id=all&#62;&#60;/at&#62;",
    f"`{ALL}`",
    f"```\n{ALL}\n```",
    f"```\n{ALL}",
    f"    {ALL}",
    f"[x](https://e.example/){ALL}",
    f"| a | {ALL} |\n|---|---|",
    "<\u200bat id=all></at>",
    "<person id = 'ou_x'></person>",
    "<a href='https://evil.example'>安全中心</a>",
    "<link url='https://evil.example'>安全中心</link>",
    "<font color='red'>严重</font>",
    "![x](img_v3_0abc)",
    "`![x](img_v3_0abc)`",
    "!\u200b[x](img_v3_0abc)",
    "`![a]b](img_v3_0abc)`",
    "```\n![a[b]](img_v3_0abc)\n```",
    "```\n![a\nb](img_v3_0abc)\n```",
    "< at id=all></at>",
    "<\nAT id=all></at>",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_mentions_links_or_loads(text: str) -> None:
    said = feishu_text(text)
    assert not any(f"<{letter}" in "".join(said.split()) for letter in "aAplf/!")
    assert "![" not in said
    assert feishu_text(said) == said


def button_of(card: dict[str, Any]) -> dict[str, Any]:
    """The only one; it stands in a row."""
    [column] = card["body"]["elements"][1]["columns"]
    [button] = column["elements"]
    return dict(button)


def test_a_card_of_such_words_has_no_tags_at_all() -> None:
    button = Button("b", ALL, "strange", {"code": ALL})
    card = card_json(ALL, ALL, [button], "t", at="all")
    value = button_of(card)["behaviors"][0].pop("value")
    assert "<" not in json.dumps(card, ensure_ascii=False)
    assert value == {"code": ALL, "track_id": "t", "id": "b"}, (
        "what comes back with a click is shown to nobody"
    )
    assert button_of(card)["type"] == "default"


def test_params_do_not_pass_for_another_card_or_button() -> None:
    button = Button("b", "钮", params={"track_id": "bf-other", "id": "approve"})
    value = button_of(card_json("t", "x", [button], "bf-own"))["behaviors"][0]["value"]
    assert value == {"track_id": "bf-own", "id": "b"}


@pytest.mark.parametrize(
    ("who", "known"), [("ou_7d8a6e", True), ("all", False), ("ou_a></at><at id=all", False)]
)
def test_only_a_person_is_mentioned(who: str, known: bool) -> None:
    assert is_person(who) is known
    assert (f"<at id={who}></at>" in json.dumps(card_json("t", "x", (), "bf", at=who))) is known


def test_harmless_markdown_stays_letter_for_letter() -> None:
    text = "**重要** [文档](https://example.com/a)：`a < b && c > d`\n\n| 主机 | 数 |\n|---|---|\n| web-01 | 3 |\n\n1 <2"
    assert feishu_text("`vec![1, 2]`") == "`vec![1, 2]`"
    assert feishu_text(text) == text
