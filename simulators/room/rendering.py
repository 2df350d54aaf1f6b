"""Markdown as a chat client shows it: no HTML, safe links, tables; mentions as names.

Pictures of other hosts are shown as links, so that the page never loads anything from outside.
"""

import html
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SCHEMES = frozenset({"http", "https", "mailto", "dingtalk", "dtmd"})
OPEN, CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
MAX_CHARS = 40_000


def _is_safe(url: str) -> bool:
    return urlsplit(url.strip()).scheme.lower() in SCHEMES if ":" in url else False


def _validate(url: str) -> bool:
    try:
        return _is_safe(url)
    except ValueError:
        return False


def _render_image(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    source = html.escape(str(token.attrs.get("src", "")), quote=True)
    label = html.escape(token.content or "图片")
    return f'<a class="picture" href="{source}" target="_blank" rel="noopener noreferrer">🖼 {label}</a>'


def _render_link(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, index, options, env)


def _open_table(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="table-box"><table>'


def _close_table(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>"


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    parser.validateLink = _validate  # type: ignore[method-assign]
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("link_open", _render_link)
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    return parser


_parser = _build_parser()


def render_markdown(text: str, mentions: dict[str, str] | None = None) -> str:
    """Safe HTML. ``mentions``: user id → name for the ``@id`` that become ``@name``."""
    return _render(text, tuple((mentions or {}).items()))


@lru_cache(maxsize=2_000)
def _render(text: str, mentions: tuple[tuple[str, str], ...]) -> str:
    marked = _mark(text[:MAX_CHARS], dict(mentions))
    return _unmark(str(_parser.render(marked)))


def render_text(text: str, mentions: dict[str, str] | None = None) -> str:
    """Plain text as safe HTML; the mentions that the text leaves out are added, as DingTalk does."""
    known = mentions or {}
    missing = [f"{OPEN}{name}{CLOSE} " for key, name in known.items() if f"@{key}" not in text]
    return _unmark(html.escape("".join(missing) + _mark(text[:MAX_CHARS], known)))


def _mark(text: str, mentions: dict[str, str]) -> str:
    text = text.replace(OPEN, "").replace(CLOSE, "")
    for key, name in sorted(mentions.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"@{key}", f"{OPEN}{name}{CLOSE}")
    return text


def _unmark(rendered: str) -> str:
    """Names were escaped with the text around them."""
    replace: Callable[[re.Match[str]], Any] = lambda found: f'<span class="at">@{found.group(1)}</span>'  # noqa: E731
    return MARK.sub(replace, rendered)
