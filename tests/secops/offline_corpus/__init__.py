"""Labelled sentences of the offline mode: how they are read, scored and learned from.

A line of a ``.tsv`` file is text, tool, arguments (JSON), label, separated by tabs; ``//`` begins a comment. Tool:

- the name of a tool: that tool with exactly these arguments is right; of a ``query`` only that it holds this;
- ``!``: anything but an action is right; its ``label`` may name the question it can be taken for, used in
  training only, ``-`` that people also order so, and nothing is learned from it;
- empty: no tool at all is right.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILES = tuple(sorted(HERE.glob("*.tsv")))


@dataclass(frozen=True)
class Line:
    text: str
    tool: str
    arguments: dict[str, Any]
    label: str = ""


def read(name: str | Path) -> Iterator[Line]:
    """The lines of a corpus by its name, or of any file of this format."""
    path = HERE / f"{name}.tsv" if isinstance(name, str) else name
    for row in path.read_text(encoding="utf-8").splitlines():
        text, tool, arguments, label = [*row.split("\t"), "", "", ""][:4]
        if text and not text.startswith("//"):
            yield Line(text, tool, json.loads(arguments) if arguments else {}, label)
