"""An answer as HTML: Markdown without HTML and pictures, links of the web only, taps as buttons that say the same.

The text passed `bifang.channels.outgoing` before it was stored; nothing here trusts that.
"""

import html
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

LONGEST: Final = 60_000
_TAP: Final = "dtmd://dingtalkclient/sendMessage?content="


def as_html(text: str) -> SafeString:
    """For a page."""
    if len(text) > LONGEST:
        return mark_safe(f"<pre>{html.escape(text)}</pre>")  # noqa: S308 # escaped
    return mark_safe(str(_parser().render(text)))  # noqa: S308 # raw HTML is off, addresses are checked


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
        return url.startswith(_TAP) or urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def _open_link(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    address = str(tokens[index].attrs.get("href", ""))
    if address.startswith(_TAP):
        env["tap"] = True
        said = html.escape(unquote(address.removeprefix(_TAP)), quote=True)
        return f'<button type="submit" class="bf-chip" name="text" value="{said}" form="tap">'
    return f'<a class="bf-link" href="{html.escape(address, quote=True)}" target="_blank" rel="noopener noreferrer">'


def _close_link(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: Any) -> str:
    return "</button>" if env.pop("tap", False) else "</a>"
