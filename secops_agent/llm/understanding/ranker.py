"""Ranker: how probable it is that a sentence asks for each tool, orders each act, or none of them.

A multinomial logistic regression over pieces of the sentence, in which every name is only its kind. It is trained on labelled
sentences by `python -m tests.secops.ranker`, which writes the weights beside this module.
"""

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import exp, sqrt
from struct import unpack_from
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import READ_TOOLS
from secops_agent.llm.understanding.entities import Sentence

WEIGHTS: Final = "ranker.json.gz"
NO_ACTS: Final = ("nothing", "chatter", "knowledge", "absent", "self", "followup", "decide")
LONGEST_PIECE: Final = 4  # characters
OFFSET: Final = 128  # of a weight, so that none is negative
_KEYWORD: Final = chr(0xF800)  # stands for a rule, an attack or a product
LIKE: Final[Mapping[Kind, Kind]] = {
    Kind.ASSET_IP: Kind.ASSET, Kind.HOST: Kind.ASSET, Kind.URL: Kind.IP, Kind.HASH: Kind.IP, Kind.DOMAIN: Kind.IP,
    Kind.OBSERVABLE: Kind.IP, Kind.ALERTS: Kind.ALERT,
}  # fmt: skip


def features(sentence: Sentence) -> set[str]:
    """Pieces of up to four characters, the kinds that are named (once, and more than once), and the length."""
    return pieces_of(sentence.question, sentence.keyword)


def pieces_of(said: Skeleton, word: str = "") -> set[str]:
    """Those of a whole sentence or of a clause of it; ``word``: a rule, an attack or a product that it names."""
    text, kinds = "", list[Kind]()
    for char in said.text:
        one = said.entities.get(char)
        kind = LIKE.get(one.kind, one.kind) if one else None
        text += chr(0xF000 + kind) if kind is not None else char
        kinds += [kind] if kind is not None else []
    text = text.lower().removeprefix("请")
    found = {f"#{kind.name}" for kind in kinds} | {
        f"#2{kind.name}" for kind in kinds if kinds.count(kind) > 1
    }
    if word:
        found.add("#KEYWORD")
        text = re.sub(r"\s*".join(map(re.escape, word.replace(" ", "").lower())), _KEYWORD, text)
    text = "^" + re.sub(r"\s+", " ", re.sub("[0-9]+", "0", text.strip())) + "$"
    found |= {
        text[at : at + size] for size in range(1, LONGEST_PIECE + 1) for at in range(len(text) - size + 1)
    }
    return found | {f"#{min(6, len(text) // 6)}"} | (set() if kinds else {"#none"})


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """``rows``: of each feature the weights of all labels side by side in one integer, 32 bits each, so that one addition adds
    them all; ``scale``: what one step of a weight is; ``bias`` by label, or by pair of labels. ``digest``: of what it was trained on."""

    labels: tuple[str, ...]
    bias: tuple[float, ...]
    scale: float
    rows: Mapping[str, int]
    digest: str

    def sums(self, found: Iterable[str]) -> tuple[list[float], int]:
        """The summed weight of each label, in order, and how many of the features are known."""
        known = [self.rows[one] for one in found if one in self.rows]
        size = len(self.labels)
        sums = unpack_from(f"<{size}I", sum(known).to_bytes(4 * size, "little"))
        return [self.scale * (each - OFFSET * len(known)) for each in sums], len(known)

    def scores(self, found: set[str]) -> dict[str, float]:
        """The probability of each label, the most probable first."""
        sums, known = self.sums(found)
        logits = [bias + each / sqrt(known + 1) for bias, each in zip(self.bias, sums, strict=True)]
        most = max(logits)
        odds = [exp(each - most) for each in logits]
        whole = sum(odds)
        pairs = zip(self.labels, (each / whole for each in odds), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def unpack(content: bytes) -> Weights:
    """The weights of a file: JSON with one byte of base64 a weight."""
    kept = json.loads(gzip.decompress(content))
    size = len(kept["labels"])
    weights = b64decode(kept["weights"])
    wide = bytearray(4 * len(weights))
    wide[::4] = weights
    rows = {
        one: int.from_bytes(wide[at : at + 4 * size], "little")
        for one, at in zip(kept["features"], range(0, len(wide), 4 * size), strict=True)
    }
    return Weights(tuple(kept["labels"]), tuple(kept["bias"]), kept["scale"], rows, kept["digest"])


@cache
def ranker() -> Weights:
    """The one that is shipped."""
    return unpack((files(__package__) / WEIGHTS).read_bytes())


def share_of_acts(ranks: Mapping[str, float]) -> float:
    """How probable it is that something is ordered."""
    return sum(share for label, share in ranks.items() if label not in {*READ_TOOLS, *NO_ACTS})


def share_of_questions(ranks: Mapping[str, float]) -> float:
    """How probable it is that something is asked of a tool."""
    return sum(share for label, share in ranks.items() if label in READ_TOOLS)


@lru_cache(maxsize=256)
def rank(sentence: Sentence) -> Mapping[str, float]:
    """The probabilities of a sentence."""
    return ranker().scores(features(sentence))
