"""Cuts long markdown into messages that a chat shows whole: the limits are DingTalk's, the lowest of all.

Past about 3,000 characters DingTalk shows a card blank, past about 3,500 it loses the formatting of markdown;
past 20,000 bytes it refuses the message.
"""

from collections.abc import Iterator
from dataclasses import replace

from bifang.channels.ports import Reply

CHARACTERS = 2900
BYTES = 18_000
FENCE = "```"
LONGEST_FENCE = 40  # characters of "```language"


def split_markdown(reply: Reply) -> tuple[Reply, ...]:
    """The reply itself, or its pieces with "(1/3)" in the title; the first has the mention, the last what can be tapped."""
    if fits(reply.text):
        return (reply,)
    pieces = list(_pieces(reply.text))
    title = reply.title or "毕方"
    return tuple(
        replace(
            reply,
            text=text,
            title=f"{title}（{number}/{len(pieces)}）",
            at_sender=reply.at_sender and number == 1,
            buttons=reply.buttons if number == len(pieces) else (),
            suggestions=reply.suggestions if number == len(pieces) else (),
            file=reply.file if number == len(pieces) else None,
        )
        for number, text in enumerate(pieces, 1)
    )


def fits(text: str) -> bool:
    """Can one message carry this?"""
    return len(text) <= CHARACTERS and len(text.encode("utf-8", "replace")) <= BYTES


def _pieces(text: str) -> Iterator[str]:
    """Whole paragraphs where possible; a code block that is cut is closed and opened again."""
    piece: list[str] = []
    fence = ""
    for line in _lines(text):
        while piece and not fits("\n".join([*piece, line, FENCE])):
            kept, carried = _break(piece, bool(fence))
            yield _close(kept, fence)
            piece = [*([fence] if fence else []), *carried]
            if not carried:
                break
        piece.append(line)
        if _is_fence(line):
            fence = "" if fence else line.strip()[:LONGEST_FENCE]
    if "".join(piece).strip():
        yield _close(piece, fence)


def _close(piece: list[str], fence: str) -> str:
    return "\n".join(piece).strip("\n") + (f"\n{FENCE}" if fence else "")


def _is_fence(line: str) -> bool:
    return line.lstrip().startswith(FENCE)


def _break(piece: list[str], in_code: bool) -> tuple[list[str], list[str]]:
    """Prefer the last empty line of the second half of the piece, outside of code."""
    if not in_code:
        for index in range(len(piece) - 1, len(piece) // 2, -1):
            if not piece[index].strip() and sum(map(_is_fence, piece[:index])) % 2 == 0:
                return piece[:index], piece[index + 1 :]
    return piece, []


def _lines(text: str) -> Iterator[str]:
    """Lines, the ones too long for a message cut."""
    for line in text.split("\n"):
        while not fits(line + FENCE * 4):
            cut = CHARACTERS // 2
            yield line[:cut]
            line = line[cut:]
        yield line
