"""One word for one thing: what people read uses the words that docs/glossary.md chose."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
GLOSSARY = PROJECT / "docs/glossary.md"
ROOMS = ("bifang", "secops_agent", "dingtalk_integration", "feishu_integration", "simulators", "deploy")
# What people say is read there, in whatever words; what was written down once stays as it was.
HEARD = (
    "secops_agent/llm/", "secops_agent/agent/acting/orders.py", "/migrations/", "secops_agent/demo/", "docs/decisions/",
    "docs/glossary.md", "docs/benchmarks.md",
)  # fmt: skip


def avoided() -> list[str]:
    """The words of the right column."""
    table = GLOSSARY.read_text(encoding="utf-8").partition("## 一件事一个词")[2]
    return [
        word
        for row in re.findall(r"^\| [^|]+ \| ([^|]+) \|$", table, re.M)[1:]
        for word in row.strip().split("、")
    ]


def texts() -> Iterator[tuple[str, str]]:
    """File → what people may read of it: templates, documents, and what stands in quotes in the programs."""
    files = [
        file
        for room in ROOMS
        for kind in ("py", "html", "js", "toml", "yaml")
        for file in (PROJECT / room).rglob(f"*.{kind}")
    ]
    for file in [*files, *(PROJECT / "docs").rglob("*.md"), PROJECT / "README.md"]:
        name = str(file.relative_to(PROJECT))
        if not any(each in name for each in HEARD):
            text = file.read_text(encoding="utf-8")
            yield name, "\n".join(literals(text)) if file.suffix == ".py" else text


def literals(program: str) -> Iterator[str]:
    """Strings that are no docstrings."""
    tree = ast.parse(program)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.fixture(scope="module")
def read() -> list[tuple[str, str]]:
    return list(texts())


def test_the_glossary_chooses() -> None:
    assert len(avoided()) > 6
    assert "在野利用" in avoided()


@pytest.mark.parametrize("word", avoided())
def test_nobody_reads_a_second_word_for_one_thing(word: str, read: list[tuple[str, str]]) -> None:
    assert len(read) > 500
    found = [
        f"{name}: {line.strip()[:90]}" for name, text in read for line in text.splitlines() if word in line
    ]
    assert not found, f"{word}：{found}"


def test_alerts_are_numbered_in_one_way_on_the_pages() -> None:
    pages = [
        (file.name, file.read_text(encoding="utf-8"))
        for file in (PROJECT / "bifang/templates/pages").glob("*.html")
    ]
    assert [
        name
        for name, text in pages
        if re.search(r"告警 ?#|(?<![\w&])#\{\{ ?(?:row|alert|line)\.(?:pk|id)", text)
    ] == []
