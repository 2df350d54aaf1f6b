"""The words of the offline mode: short enough to read, all of them usable, and no long expression beside them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secops_agent.llm import offline
from secops_agent.llm.offline.words import load, pattern
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

ROOM = Path(offline.__file__).parent
LISTS = sorted(path.stem for path in (ROOM / "words").glob("*.toml"))
LONGEST = 150  # characters of an expression


def lists(value: Any, name: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        yield name, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from lists(one, f"{name}.{key}")


def test_no_word_of_a_list_is_longer_than_one_reads() -> None:
    said = [(name, word) for file in LISTS for name, words in lists(load(file), file) for word in words]
    assert len(said) > 2000
    assert [(name, word) for name, word in said if len(word) > LONGEST] == []


def test_no_expression_in_the_code_is_longer_than_one_reads() -> None:
    for path in ROOM.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        compiled = (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and "compile" in ast.unparse(node.func)
        )
        literals = [arg.value for node in compiled for arg in node.args if isinstance(arg, ast.Constant)]
        assert [text for text in literals if isinstance(text, str) and len(text) > LONGEST] == [], path.name


@pytest.mark.parametrize("file", [name for name in LISTS if name not in ("talk", "spelling")])
def test_every_list_of_patterns_can_be_used(file: str) -> None:
    for name, words in lists(load(file), file):
        if name.count(".") <= 2 and words and not name.startswith(("followups.kinds", "followups.rows")):
            pattern(name).search("告警 12")


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [
        "/关闭 12 ",
        "关闭告警 12 误报",
        "203.0.113.5 一直在扫，封了",
        "最近24小时有哪些高危告警",
        "谁在用 log4j",
    ],
)
@pytest.mark.parametrize(
    "noise", ["啊", "的", "还没有", "最近", "1", "a ", "，", "处理", "把", "告警 3 和 ", "有", "应用"]
)
def test_a_word_said_over_and_over_is_answered_at_all(seed: str, noise: str) -> None:
    """Two readings of one of these words would mean 2^50 of the sentence, which nobody could wait for."""
    for text in (seed + noise * 60, noise * 60 + seed):
        understand(text[:299], LEXICON, NOW, asker=ASKER)
