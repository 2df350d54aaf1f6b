"""Words of ours are explained from the glossary; other knowledge is not made up."""

import pytest

from secops_agent.llm.understanding import terms


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("静默和关闭有啥区别", ["静默", "关闭、重新打开"]),
        ("KEV是啥意思，老看到", ["已被利用（KEV）"]),
        ("麻烦解释一下EPSS和CVSS有什么区别", ["EPSS", "CVSS"]),
        ("什么是抑制规则？", ["抑制规则"]),
        ("值班里换班跟临时换人是一回事吗", ["换班", "临时换人"]),
    ],
)
def test_word_of_ours_is_explained(asked: str, told: list[str]) -> None:
    lines = terms.explain(asked).splitlines()
    assert [line.partition("**：")[0].removeprefix("- **") for line in lines] == told


@pytest.mark.parametrize(
    "asked",
    [
        "webshell是啥原理",
        "JNDI注入的原理帮我讲一下",
        "静默 A12 2小时",
        "今天有多少告警",
        "告警疲劳是什么意思，业界一般怎么解决",
    ],
)
def test_what_is_no_word_of_ours_is_not(asked: str) -> None:
    assert terms.explain(asked) == ""


def test_every_word_has_a_line() -> None:
    assert len(terms.meanings()) > 80
