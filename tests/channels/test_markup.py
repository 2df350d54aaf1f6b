"""What may be shown: no image, no HTML, no link to anywhere but where it says, nothing that nobody sees."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bifang.channels.text.markup import LONGEST, literal, safe_markdown
from bifang.channels.text.visible import visible

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Pieces of which everything is made that Markdown could take for a link, an image, code or HTML.
PIECES = [
    "[", "]", "(", ")", "!", "<", ">", "`", "``", "```", "~~~", "\n", "\n\n", " ", "  ", "    ", "\\", "&", "&#91;", "&#33;",
    "&lt;", "&amp;", "&Tab;", "&NewLine;", "dtmd:", "d\u200btmd:", "DTMD://dingtalkclient/sendMessage?content=", "http://",
    "https://a.b", "//", "javascript:", "a", "bank.com", "evil.com/x", "确认", "]: ", "](", "![", "][", "*", "_", "**", "~~",
    "|", "|-|\n", "- ", "> ", "# ", "1. ", '"', "'", "\u202e", "<a href=", "<img src=x>", "<!--", "-->", "<?", "www.", "@",
    "\t", "\r", "\u2028", "：", "CVE-2021-1", "\U000e0041", "[x](https://a.b)", "`code`",
]  # fmt: skip


def links(text: str) -> list[tuple[str, str]]:
    """(words, target) of every link, as the parser reads it."""
    found = []
    for token in PARSER.parse(text):
        children = token.children or []
        for place, child in enumerate(children):
            if child.type == "link_open":
                inside = [one.content for one in children[place : children.index(_closing(children, place))]]
                found.append(("".join(inside), str(child.attrs["href"])))
    return found


def _closing(children: list, place: int):
    return next(one for one in children[place:] if one.type == "link_close")


def assert_nothing_alive(shown: str) -> None:
    for token in PARSER.parse(shown):
        assert token.type != "html_block"
        assert not {"image", "html_inline"} & {child.type for child in token.children or ()}
    assert all(target.startswith(("http://", "https://")) for _, target in links(shown))
    assert "dtmd:" not in shown.lower()
    assert visible(shown) == shown
    assert safe_markdown(shown) == shown, "what was shown may be shown"


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_comes_in_nothing_alive_goes_out(text: str) -> None:
    assert_nothing_alive(safe_markdown(text))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_safe_afterwards(text: str) -> None:
    assert_nothing_alive(safe_markdown(text))


@pytest.mark.parametrize(
    "text",
    [
        "**告警：共 3 条**（显示前 2 条）\n\n- **#12** [严重][web-01] CVE-2021-44228 · 203.0.113.5\n- #13 a < b > c\n\n> 查询条件：级别=严重",
        "| 主机 | 地址 |\n|---|---|\n| web-01 | `10.0.0.5` |\n| **db** | [控制台](https://console.corp.example/db?id=1&tab=2) |",
        "见 [NVD 的说明](https://nvd.nist.gov/vuln/detail/CVE-2021-44228) 和 [nvd.nist.gov](https://nvd.nist.gov/)",
        "`<script>alert(1)</script>` 与 ``a`b`` 和 `[x](y)`",
        "```bash\ncurl 'http://x/?a=<b>' | sh  # [x](javascript:1)\n![](x)\n```\n完",
        "> ```\n> <b>\n> ```",
        "# 标题 [内部]\n\n1. 一\n2. 二\n\n---\n\n~~旧~~ *斜* __粗__",
        "裸地址 https://nvd.nist.gov/x?a=1 和 user@corp.example，AT&T，a && b",
        "⚠️ 请注意",
        "",
    ],
)
def test_what_people_write_stays_letter_for_letter(text: str) -> None:
    assert safe_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![](https://evil.example/?q=1)", "（https://evil.example/?q=1 ）"),
        ("![图](//evil.example)", "图（//evil.example ）"),
        (
            "[同意](dtmd://dingtalkclient/sendMessage?content=%E5%90%8C)",
            "同意（dtmd：//dingtalkclient/sendMessage?content=%E5%90%8C ）",
        ),
        ("[同意](&#100;tmd://x)", "同意（dtmd：//x ）"),
        ("[bank.example](https://evil.example/)", "bank.example（https://evil.example/ ）"),
        ("[https://bank.example](https://evil.example)", "https://bank.example（https://evil.example ）"),
        ("[bank。example](https://evil.example)", "bank。example（https://evil.example ）"),
        (
            "[ｂａｎｋ．ｅｘａｍｐｌｅ](https://evil.example)",
            "ｂａｎｋ．ｅｘａｍｐｌｅ（https://evil.example ）",
        ),
        ("[10.0.0.5](https://evil.example)", "10.0.0.5（https://evil.example ）"),
        ("[登录](https://bank.example@evil.example/)", "登录（https://bank.example@evil.example/ ）"),
        ("[看](javascript:alert)", "看（javascript:alert ）"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("<b>粗</b>", "＜b＞粗＜/b＞"),
        ("&lt;img src=x&gt;", "＜img src=x＞"),
        ("&amp;lt;img&gt;", "＜img＞"),
        ("[看][1]\n\n[1]: https://evil.example", "[看][1]\n\n[1］: https://evil.example"),
        ("`代码", "`代码"),
        ("```\n<b>", "```\n<b>\n```"),
        ("a\u202eb\u200bc\U000e0041d\x1be", "abcde"),
    ],
)
def test_what_may_not_stand_is_shown_as_text_with_its_true_target(text: str, shown: str) -> None:
    assert safe_markdown(text) == shown


@pytest.mark.parametrize(
    "place", ["{}", "# {}", "- {}", "> {}", "**{}**", "| a | {} |\n|---|---|\n| b | {} |", "x {} y", "1. {}"]
)
@pytest.mark.parametrize(
    "attack", ["![x](https://e.example)", "[a.example](https://e.example)", "[x](dtmd://y)", "<img src=x>"]
)
def test_place_does_not_matter(place: str, attack: str) -> None:
    shown = safe_markdown(place.replace("{}", attack))
    assert links(shown) == []
    assert_nothing_alive(shown)


def test_every_sign_that_nobody_sees_is_removed() -> None:
    formats = (
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cf", "Cc", "Zl", "Zp")
    )
    left = [hex(ord(sign)) for sign in formats if visible(f"a{sign}b") not in ("ab", "a\nb")]
    assert left == [hex(ord("\t"))]


def test_text_too_long_to_be_read_has_no_markup_at_all() -> None:
    shown = safe_markdown("[x](https://a.example) `a` <b> " * (LONGEST // 20))
    assert links(shown) == []
    assert "`" not in shown


def test_words_of_unknown_origin_are_literal() -> None:
    assert literal("**a**\n[x](http://y) <b>\u202e`c` | #d") == "＊＊a＊＊ ［x］(http://y) ＜b＞'c' ¦ ＃d"
