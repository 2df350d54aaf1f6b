"""Why something is ordered, in the words of who orders it: a labelled note, else the pieces of a sentence that tell something."""

import re
from collections.abc import Sequence
from typing import Final

from secops_agent.llm.offline.expressions.skeletons import ANY_MARK, Skeleton
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.verbs import ACTS, NAMES, PIECE, VERB, SpokenVerb, is_aside, verbs_in

EDGES: Final = " ,，。.:：;；~!！"
_AROUND: Final = re.compile(rf"^(?:{NAMES.pattern}|\s)+")
_CUTS: Final = re.compile(f"{ANY_MARK.pattern}|{VERB}")


def split_note(skeleton: Skeleton) -> tuple[Skeleton, str]:
    """The sentence without its 备注：… or 原因：…, and that text as it was typed; it ends where an order begins."""
    text = pattern("doubts.fields").sub("，", skeleton.text)
    marker = pattern("doubts.note").search(text)
    if marker is None:
        return skeleton, ""
    start = marker.start("aim") if marker["aim"] else marker.end()
    if quoted := pattern("doubts.quoted").match(text, start):
        said, rest = quoted["said"], f"{text[: marker.start()]}，{text[quoted.end() :]}"
    else:
        ends = [match.start() for match in pattern("doubts.break").finditer(text) if match.start() > start]
        later = (
            end
            for end in ends
            if pattern("cues.inside.fields").match(text, end)
            or any(verb.tool in ACTS for verb in verbs_in(Skeleton(text[end:], skeleton.entities)))
        )
        end = next(later, len(text))
        said, rest = text[start:end], f"{text[: marker.start()]}，{text[end:]}"
    if pattern("cues.inside.only_verdict").fullmatch(said.strip(EDGES)):
        return Skeleton(f"{rest}，{said}".strip("，"), skeleton.entities), ""
    return Skeleton(rest.strip("，"), skeleton.entities), skeleton.expand(said).strip(EDGES)[:200]


def reasons_of(
    skeleton: Skeleton, verbs: Sequence[SpokenVerb], named: bool = True, described: str = ""
) -> list[str]:
    """Why each is ordered, as it was typed: pieces without a verb; and, if the object is ``named`` and not described, what else
    stands beside the verb. Not the verdict. With verbs of several tools a piece belongs to the verb before it. Nor what only has the
    words by which alerts are ``described``."""
    text = skeleton.text
    for verb in sorted(verbs, key=lambda one: -one.start):
        text = f"{text[: verb.start]}{VERB}{text[verb.end :]}"
    for name in ("harmless.silence_alerts", "hurry", "filed"):
        text = pattern(f"cues.{name}").sub(" ", text)
    kept: list[list[str]] = [[] for _ in range(max(len(verbs), 1))]
    seen, several = 0, len({verb.tool for verb in verbs}) > 1
    for piece in PIECE.split(text):
        own = kept[min(max(seen - (VERB not in piece), 0), len(kept) - 1) if several else 0]
        seen += piece.count(VERB)
        if pattern("cues.inside.judged").fullmatch(piece.strip(EDGES)):
            continue
        if VERB in piece:
            own += [one for one in _CUTS.split(piece) if named and one and _tells(one)]
        elif _tells(_AROUND.sub("", piece)) or (is_aside(piece) and pattern("cues.inside.why").match(piece)):
            own.append(_AROUND.sub("", piece))
    if described:
        kept = [[one for one in own if described not in one.replace(" ", "").lower()] for own in kept]
    told = [
        "，".join(skeleton.expand(piece).strip(EDGES).removeprefix("是") for piece in own) for own in kept
    ]
    told = [re.sub("(?<=[a-z])，(?=[a-z])", " ", one)[:200] for one in told]
    return told if several else told[:1] * len(kept)


def rest_of(skeleton: Skeleton, verbs: Sequence[SpokenVerb]) -> str:
    """Whatever a slash command says beside its verb and what it names."""
    text = skeleton.text
    for verb in sorted(verbs, key=lambda one: -one.start):
        text = f"{text[: verb.start]} {text[verb.end :]}"
    said = " ".join(ANY_MARK.sub(" ", text).split()).strip(EDGES)
    return "" if said.upper() == "IP" else said[:200]


def _tells(piece: str) -> bool:
    """Does it say something of its own, not only courtesy?"""
    bare = ANY_MARK.sub("", piece)
    for name in ("inside.benign", "harmless.any", "inside.polite"):
        bare = pattern(f"cues.{name}").sub("", bare)
    left = pattern("cues.unread.filler").sub("", bare)
    return len(left) > 1 or (len(bare) > 2 and pattern("doubts.evidence").search(bare) is not None)
