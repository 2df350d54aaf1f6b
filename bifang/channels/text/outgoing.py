"""The door that everything said passes: what leaves it is safe to show, and only it writes links that speak.

A reply passes as its outbox row is made (`outbox`), before that as a whole so that its pieces fit (`consumer`);
a card passes at its calls. Nothing else reaches a channel.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote, unquote

from bifang.channels.ports import Button, Reply, Suggestion
from bifang.channels.text.markup import LONGEST, safe_markdown
from bifang.channels.text.verbs import TAPPED
from bifang.core.errors import InvalidInput

_CODE: Final = re.compile(r"[A-Z0-9-]{1,20}")
_BETWEEN: Final = " ｜ "
_TAP: Final = "dtmd://dingtalkclient/sendMessage?content="
_SAID, _SENT = r"[^\[\]\n]+", r"[%A-Za-z0-9-]+"
_TAP_LINK: Final = rf"\[{_SAID}\]\({re.escape(_TAP)}{_SENT}\)"
_ONE_TAP: Final = re.compile(rf"\[(?P<said>{_SAID})\]\({re.escape(_TAP)}(?P<sent>{_SENT})\)")
_TAP_LINE: Final = re.compile(rf"(?P<gap>(?:\n\n)?){_TAP_LINK}(?:{_BETWEEN}{_TAP_LINK})*")


def safe_text(text: str) -> str:
    """Markdown of any origin as it may be shown. Safe text stays as it is."""
    return safe_markdown(text)


def safe_line(text: str) -> str:
    """The same on one line: a title, the words on a button."""
    return safe_markdown(" ".join(text.split()))


def safe_button(button: Button) -> Button:
    """A button with safe words."""
    return replace(button, text=safe_line(button.text))


def safe_reply(reply: Reply) -> Reply:
    """A whole reply before it is cut: what is longer than can be read at once is read piece by piece."""
    return replace(reply, text=safe_text(reply.text)) if len(reply.text) <= LONGEST else reply


def with_taps(reply: Reply) -> str:
    """The reply's text as it may be shown, its suggestions as the last line."""
    text = safe_text(reply.text)
    return f"{text}\n\n{_BETWEEN.join(map(tap, reply.suggestions))}" if reply.suggestions else text


def tap(suggestion: Suggestion) -> str:
    """A link whose label is exactly what a tap on it says in the reader's name. Raises InvalidInput."""
    if not may_tap(suggestion):
        raise InvalidInput("这句话不能做成点按即发的链接。")
    said = str(suggestion)
    return f"[{said}]({_TAP}{quote(said, safe='-')})"


def said_by(address: str) -> str:
    """What a tap on a link says in the reader's name; "" for a link that leads somewhere."""
    return unquote(address.removeprefix(_TAP)) if address.startswith(_TAP) else ""


def may_tap(suggestion: Suggestion) -> bool:
    """Is it nothing but one of our verbs, an id, and what always follows?"""
    verb, code = suggestion.verb, suggestion.code
    after = TAPPED.get(verb)
    return suggestion.rest == after and bool(_CODE.fullmatch(code) if code else not after)


def before_taps(text: str) -> str:
    """The text above them: for where buttons do the same."""
    cut = _TAP_LINE.search(text)
    return text[: cut.start()] if cut else text


def without_taps(text: str, buttons: Sequence[Button] = ()) -> str:
    """For where such links do not work (cards): as the words to type, but for what a button beside them does."""
    done = {f"{button.text} {button.params.get('code', '')}" for button in buttons}

    def write(line: re.Match[str]) -> str:
        taps = (each for each in _ONE_TAP.finditer(line.group()) if unquote(each["sent"]) == each["said"])
        said = _BETWEEN.join(each["said"] for each in taps if each["said"] not in done)
        return line["gap"] + said if said else ""

    return _TAP_LINE.sub(write, text)
