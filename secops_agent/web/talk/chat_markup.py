"""An answer as HTML: Markdown without HTML and pictures, links of the web only, taps as buttons that say the same.

The text passed `bifang.channels.text.outgoing` before it was stored; nothing here trusts that.
"""

import html
import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from bifang.channels.text import outgoing
from secops_agent.agent.acting.steps import AND_NOW

LONGEST: Final = 20_000  # characters; rendering costs about 10 µs each
_STEP: Final = re.compile("「([^「」<>]{1,200})」")
_STEPS: Final = re.compile(f"{AND_NOW}(?:{_STEP.pattern}、?)+</p>")
_KEPT: Final = 200  # texts: a page that is open asks for the same ones every few seconds


@lru_cache(maxsize=_KEPT)
def as_html(text: str, *, taps: bool = True) -> SafeString:
    """For a page. Without ``taps`` what would say something when pressed is only shown."""
    if len(text) > LONGEST:
        return mark_safe(f"<pre>{html.escape(text)}</pre>")  # noqa: S308 # escaped
    shown = str(_parser().render(text, {"taps": taps}))
    return mark_safe(_STEPS.sub(_fill_in, shown) if taps else shown)  # noqa: S308 # raw HTML is off, addresses are checked


def _fill_in(steps: re.Match[str]) -> str:
    """Whole sentences as links that fill in what is to be said: nothing is said before somebody sends it."""
    return _STEP.sub(
        lambda step: f'<a class="bf-chip" href="?q={quote(html.unescape(step[1]))}">{step[1]}</a>', steps[0]
    )


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = (
        MarkdownIt("commonmark", {"html": False, "breaks": True})
        .enable(["table", "strikethrough"])
        .disable("image")
    )
    parser.validateLink = _may_link  # type: ignore[method-assign]  # as its documentation says
    parser.add_render_rule("link_open", _open_link)
    parser.add_render_rule("link_close", _close_link)
    return parser


def _may_link(url: str) -> bool:
    try:
        return bool(outgoing.said_by(url)) or urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def _open_link(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    address = str(tokens[index].attrs.get("href", ""))
    if said := outgoing.said_by(address):
        env["tap"] = "</button>" if env.get("taps", True) else "</span>"
        if not env.get("taps", True):
            return '<span class="bf-chip">'
        return f'<button type="submit" class="bf-chip" name="text" value="{html.escape(said)}" form="tap">'
    return f'<a class="bf-link" href="{html.escape(address, quote=True)}" target="_blank" rel="noopener noreferrer">'


def _close_link(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: Any) -> str:
    return str(env.pop("tap", "</a>"))
