"""Sentences that people are told to send are made in one module: nothing else of the product spells a command."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bifang.channels.text.verbs import Verb
from tests.architecture.test_house_rules import name_of, product_files

HERE = {"secops_agent/says.py", "bifang/channels/text/verbs.py"}
FILLED = "\0"  # what an f-string fills in
VERBS = "|".join(sorted({str(verb) for verb in Verb}, key=len, reverse=True))
# 「查看 A12」, `确认 {code}`: a verb with what it is about, in quotation marks; as a whole string, a verb and an alert.
QUOTED = re.compile(rf"[「`](?:{VERBS})(?:告警)?[ ,，][^」`\n]*[」`]")
WHOLE = re.compile(rf"(?!{Verb.ALERTS}|{Verb.SILENCE} {FILLED})(?:{VERBS}) A?{FILLED}")
WORTH_READING = re.compile(rf"{VERBS}|发送|回复|可以说|请说|Suggestion|says")
# 发送「…」: whatever stands there is to be sent.
TO_SEND = re.compile(rf"(?:发送|回复|可以说|请说)\s*[「`](?!{FILLED}[」`])")


def said(node: ast.AST) -> str:
    """The text of a literal, with a sign for each value that is filled in; "" for none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) if isinstance(part, ast.Constant) else FILLED for part in node.values)
    return ""


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string of the product but docstrings; the parts of an f-string are no strings of their own."""
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value in node.values
        for part in (
            ast.walk(value)
            if isinstance(value, ast.FormattedValue) and value.format_spec is None
            else [value]
        )
        if not isinstance(part, ast.Call)
    }
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    skipped = parts | documents
    for node in ast.walk(tree):
        if id(node) not in skipped and (text := said(node)):
            yield getattr(node, "lineno", 0), text


def spelled(source: str) -> list[tuple[int, str]]:
    """Lines that spell a command by themselves, or make a suggestion."""
    tree = ast.parse(source)
    found = [
        (line, text)
        for line, text in literals(tree)
        if QUOTED.search(text) or TO_SEND.search(text) or WHOLE.fullmatch(text) or "{says." in text
    ]
    made = [
        (node.lineno, "Suggestion(…)")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Suggestion"
    ]
    return found + made


def files() -> list[Path]:
    return [
        path
        for path in product_files()
        if name_of(path) not in HERE and not name_of(path).startswith("simulators/")
    ]


@pytest.mark.slow
def test_no_text_spells_a_command_by_itself() -> None:
    found = {
        f"{name_of(path)}:{line}": text
        for path in files()
        if WORTH_READING.search(source := path.read_text(encoding="utf-8"))
        for line, text in spelled(source)
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'text = f"回复「确认 {code}」后才会执行"',
        'text = "例如「关闭告警 12 误报」"',
        'steps = (f"查看 A{alert.id}",)',
        'text = "发送「待审批」查看"',
        'text = f"{lead}发送「{verb} {code}」"',
        'text = "请发送 `封禁 203.0.113.5 1小时`"',
        'tap = Suggestion("查看", "A12")',
        'text = "回复「{says.PENDING}」"',
    ],
)
def test_a_command_that_is_spelled_elsewhere_is_found(source: str) -> None:
    assert spelled(source)


@pytest.mark.parametrize(
    "source",
    [
        'text = f"回复「{says.confirm(code)}」后才会执行"',
        'text = "只想暂时不发消息，用「静默」。"',
        '"""Say 「确认 A12」."""',
        'text = f"**{name}** 已确认 {named}"',
    ],
)
def test_words_that_are_no_command_are_left_alone(source: str) -> None:
    assert not spelled(source)
