"""What a word of ours means: 「静默和关闭有啥区别」「KEV 是啥意思」 are answered from docs/glossary.md, where the words are chosen."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from secops_agent.llm.offline.words import pattern

GLOSSARY: Final = Path(__file__).parents[3] / "docs/glossary.md"
_MOST: Final = 3
_ASIDE: Final = 6  # characters beside the words and the question
_BETWEEN: Final = re.compile(r"[\W_]+|[和跟与及]")


def explain(plain: str) -> str:
    """A line for each word that is asked about; "" where something else is asked."""
    rest, found = plain.casefold(), dict[int, str]()
    for word in sorted(meanings(), key=len, reverse=True):
        if (place := rest.find(word)) >= 0:
            rest = rest.replace(word, " " * len(word))
            found[place] = meanings()[word]
    aside = _BETWEEN.sub("", pattern("cues.said.means").sub("", rest))
    asked = pattern("cues.said.means").search(rest) and len(aside) <= _ASIDE and len(found) <= _MOST
    return "\n".join(found[place] for place in sorted(found)) if asked else ""


@cache
def meanings() -> Mapping[str, str]:
    """Word in lower case → its line; empty where the documents are not installed."""
    text = GLOSSARY.read_text(encoding="utf-8") if GLOSSARY.is_file() else ""
    rows = reversed([*_rows(text)])  # of two rows with a word the first tells it
    return {word.casefold(): f"- **{told}**：{said}" for told, said in rows for word in _words(told)}


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not cells[0].startswith(("-", "词")):
            yield cells[0], cells[1]


def _words(told: str) -> list[str]:
    """已被利用（KEV） → 已被利用, KEV; a word that stands for two things (处理人（发现）) is told by the first."""
    return [word for word in re.split(r"[、·（）\s]+", told) if len(word) > 1]
