"""Markdown that may be shown: links to where they say, code, emphasis, tables; no images, HTML or other schemes.

Nothing is written anew: what is harmless stays letter for letter. Only what the parser finds to be code, or a link
that may stand, is left alone; everywhere else the signs that could begin a link, an image or HTML, in this dialect
of Markdown or another, give way to their wide forms. The result is read again, until it stays as it is.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, backtick, link
from markdown_it.token import Token

from bifang.channels.text.visible import visible

LONGEST: Final = 20_000  # characters that are worth reading as Markdown; a message has at most 3,000
_ROUNDS: Final = 4
# Without any of these nothing begins a link, an image or HTML, and nothing is read.
_SUSPECT: Final = re.compile(r"<[a-z/!?]|\][(:]|&#?\w{1,32};|dtmd", re.IGNORECASE | re.ASCII)
_FENCE: Final = re.compile(r"[\s>]*(?P<ticks>```+)\s*\Z")
_SPEAKING: Final = re.compile(r"(?P<scheme>dtmd)[ \t]*:", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
_AUTOLINK: Final = re.compile(r"<(?P<url>https?://[^\s<>]{1,2000})>(?P<gap>\s|\Z)?", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?P<inside>[A-Za-z/!?][^<>\n]*)(?P<end>>?)")
_LINK: Final = re.compile(r"!?\[(?P<text>[^\[\]\n]{0,500})\]\((?P<url>[^\s()]{0,2000})[^()\n]{0,200}\)")
_PLAIN: Final = r"(?:[!#-%'*-;=?-Z_a-z~]|&(?!#|\w{1,32};))"
_KEPT: Final = re.compile(
    rf"\[(?P<label>[^\[\]`<>\\&\n]{{1,300}})\]\((?P<url>(?:{_PLAIN}|\({_PLAIN}{{0,200}}\)){{1,2000}})\)"
)
_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]*:/|//|\\\\|(?:\d{1,3}\.){3}\d|[0-9a-f]*:[0-9a-f]*:[0-9a-f]|[^\s./@:]\.[^\W\d_]{2,}", re.IGNORECASE
)  # fmt: skip
_WIDE: Final = str.maketrans("[]<>&`\\", "［］＜＞＆＇＼")
_LITERAL: Final = str.maketrans("[]<>`*|#", "［］＜＞'＊¦＃")


@lru_cache(maxsize=256)
def safe_markdown(text: str) -> str:
    """The text as it may be shown. The same again for what was shown; never longer than a few characters more."""
    text = visible(text)
    if not _SUSPECT.search(text):
        return text
    if len(text) > LONGEST:
        return _flat(text)
    for _ in range(_ROUNDS):
        blocks = list(_parse(text))
        before, text = text, _once(text, blocks)
        if text == before:
            return text if all(map(_may_stand, blocks)) else _flat(text)
    return _flat(text)


def literal(text: str) -> str:
    """Words of unknown origin on one line, in which nothing formats or links."""
    return " ".join(visible(text).split()).translate(_LITERAL)


def plain(text: str, limit: int = 120) -> str:
    """The same, cut to so many characters."""
    line = literal(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _flat(text: str) -> str:
    """Without any Markdown that could link: for what is no Markdown that anyone would write."""
    return _mute(text.translate(_WIDE))


def _may_stand(token: Token) -> bool:
    """Does the parser find nothing in this block that may not be shown?"""
    found = [one.type for one in token.children or ()]
    links = sum(span.source.startswith("[") for span in token.meta.get("spans", ()))
    return (
        token.type != "html_block"
        and "image" not in found
        and "html_inline" not in found
        and found.count("link_open") == links
    )


# What the parser finds


@dataclass(frozen=True, slots=True)
class _Span:
    """Source of an inline element that stays as it is."""

    source: str


def _recording(rule: Any, judge: Any) -> Any:
    """The rule of the parser, with the source of what it takes recorded if it may stay."""

    def take(state: StateInline, silent: bool) -> bool:
        start, tokens = state.pos, len(state.tokens)
        spans: list[_Span] = state.env.setdefault("spans", [])
        known = len(spans)
        if not rule(state, silent):
            return False
        if not silent:
            del spans[known:]  # what is inside of it
            source = state.src[start : state.pos]
            if "\n" not in source and judge(source, state.tokens[tokens:]):
                spans.append(_Span(source))
        return True

    return take


def _code_stays(source: str, tokens: Sequence[Token]) -> bool:
    return any(token.type == "code_inline" for token in tokens)


def _link_stays(source: str, tokens: Sequence[Token]) -> bool:
    """An inline link, plainly written, to the web, whose words are no other address."""
    match = _KEPT.fullmatch(source)
    return match is not None and _is_web(match["url"]) and _is_honest(match["label"], match["url"])


def _is_web(url: str) -> bool:
    """An http(s) address with a host and without a name before it, which would be read as the host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _is_honest(label: str, url: str) -> bool:
    """Is the label no address, or the very one that the link leads to?"""
    words = unicodedata.normalize("NFKC", label).replace("。", ".").strip().lower()
    if not _ADDRESS.search(words):
        return True
    there = url.lower()
    return words.rstrip("/") in {
        form.rstrip("/") for form in (there, there.partition("://")[2], urlsplit(there).netloc)
    }


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.inline.ruler.at("backticks", _recording(backtick, _code_stays))
    parser.inline.ruler.at("link", _recording(link, _link_stays))
    return parser


_PARSER: Final = _parser()


def _parse(text: str) -> Iterator[Token]:
    """Blocks in order, each with its inline elements, the source of those that stay in ``meta``."""
    env: dict[str, Any] = {}
    for token in _PARSER.parse(text, env):
        if token.type == "inline":
            env["spans"] = []
            token.children = []
            _PARSER.inline.parse(token.content, _PARSER, env, token.children)
            token.meta["spans"] = env["spans"]
        yield token


# What becomes of the rest


def _once(text: str, blocks: Sequence[Token]) -> str:
    lines = text.split("\n")
    spans: list[tuple[int, int, str]] = []  # first line, line behind the last, source
    code: set[int] = set()
    for token in blocks:
        first, behind = token.map or (0, 0)
        if token.type == "fence" and token.markup.startswith("`"):
            if token.level == 0 and not _is_closed(token, lines):
                lines.append(token.markup)  # another reader may take it for text
                code.update(range(first, len(lines)))
            elif _is_closed(token, lines):
                code.update(range(first, behind))
        spans += [(first, behind, span.source) for span in token.meta.get("spans", ())]
    places = _places(lines, spans)
    return "\n".join(
        _mute(line) if number in code else _line(line, places.get(number, []))
        for number, line in enumerate(lines)
    )


def _is_closed(token: Token, lines: Sequence[str]) -> bool:
    first, behind = token.map or (0, 0)
    match = _FENCE.fullmatch(lines[behind - 1]) if behind - 1 > first else None
    return match is not None and len(match["ticks"]) >= len(token.markup)


def _places(lines: Sequence[str], spans: Sequence[tuple[int, int, str]]) -> dict[int, list[tuple[int, int]]]:
    """Line → (start, end) of what stays in it. Elements come in the order of the text."""
    found: dict[int, list[tuple[int, int]]] = {}
    for first, behind, source in spans:
        for number in range(first, behind):
            known = found.setdefault(number, [])
            start = lines[number].find(source, known[-1][1] if known else 0)
            if start >= 0:
                known.append((start, start + len(source)))
                break
    return found


def _line(line: str, kept: Sequence[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in kept:
        between = _harmless(line[at:start])
        if line[start] == "[":
            between = _before_link(between)
        parts += [between, _mute(line[start:end])]
        at = end
    return "".join([*parts, _harmless(line[at:])])


def _before_link(text: str) -> str:
    """Another reader may take an open bracket before a link for its beginning, and a "!" makes an image of it."""
    text = text.replace("[", "［") if text.count("[") > text.count("]") else text
    return text[:-1] + "！" if text.endswith("!") else text


def _harmless(text: str) -> str:
    """Text in which no sign begins a link, an image or HTML."""
    if not _SUSPECT.search(text):
        return text
    text = _ENTITY.sub(lambda match: " ".join(visible(html.unescape(match[0])).split("\n")), text)
    text = _AUTOLINK.sub(lambda match: match["url"] + (" " if match["gap"] is None else match["gap"]), text)
    text = _LINK.sub(_with_target, text)
    text = _TAG.sub(lambda match: f"＜{match['inside']}{'＞' if match['end'] else ''}", text)
    text = text.replace("![", "！[").replace("](", "］(").replace("]:", "］:").replace("&#", "＆#")
    return _mute(text)


def _mute(text: str) -> str:
    """Only `bifang.channels.text.outgoing` writes links that speak."""
    return _SPEAKING.sub(r"\g<scheme>：", text)


def _with_target(match: "re.Match[str]") -> str:
    """A link that may not stand, as words and the address that it leads to."""
    words, url = match["text"].strip(), match["url"]
    return f"{words}（{url} ）" if url and url != words else words or url
