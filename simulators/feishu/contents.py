"""A message's content as the page shows it: posts and cards (JSON 1.0 and 2.0) as Markdown, and what can be pressed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from .people import find_person

AT: Final = re.compile(r"<at\s+(?:id|user_id|open_id)=[\"']?([\w-]+)[\"']?\s*>[^<]*</at>")
TAGS: Final = re.compile(r"</?(?:font|text_tag|local_datetime|number_tag)\b[^>]*>")
RULE: Final = "\n\n---\n\n"
STYLES: Final = {
    "primary": "primary",
    "primary_filled": "primary",
    "danger": "danger",
    "danger_filled": "danger",
}


@dataclass(slots=True)
class Shown:
    """``buttons``: ``{id, text, style, value, name, disabled}``."""

    title: str = ""
    blocks: list[str] = field(default_factory=list)
    buttons: list[dict[str, Any]] = field(default_factory=list)
    streaming: bool = False

    @property
    def markdown(self) -> str:
        """All of it in one text."""
        return "\n\n".join(block for block in self.blocks if block.strip())


def read_content(msg_type: str, content: str) -> Shown:
    """What the simulator took was well-formed; of anything else nothing is shown."""
    try:
        body = json.loads(content)
    except ValueError:
        return Shown()
    if not isinstance(body, dict):
        return Shown()
    return _read_post(body) if msg_type == "post" else _read_card(body)


def plain_markdown(text: str) -> str:
    """Feishu's own tags as what they mean: a mention a name, colours nothing."""
    return TAGS.sub("", AT.sub(lambda found: f"**@{_name(found[1])}**", text))


def _name(open_id: str) -> str:
    return "所有人" if open_id == "all" else find_person(open_id).name


def _read_post(body: dict[str, Any]) -> Shown:
    words = next((one for one in body.values() if isinstance(one, dict)), body)
    lines = words.get("content")
    blocks = ["".join(_inline(node) for node in line) for line in lines or () if isinstance(line, list)]
    return Shown(str(words.get("title") or ""), blocks)


def _inline(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    tag, text = node.get("tag"), str(node.get("text") or "")
    if tag == "a":
        return f"[{text}]({node.get('href')})"
    if tag == "at":
        return f"**@{_name(str(node.get('user_id') or ''))}**"
    return RULE if tag == "hr" else plain_markdown(text)


def _read_card(card: dict[str, Any]) -> Shown:
    header, body, config = (_object(card.get(name)) for name in ("header", "body", "config"))
    shown = Shown(_text(header.get("title")), streaming=bool(config.get("streaming_mode")))
    subtitle = _text(header.get("subtitle"))
    if subtitle:
        shown.blocks.append(subtitle)
    for element in walk(body.get("elements") or card.get("elements")):
        _show(element, shown)
    return shown


def walk(nodes: Any) -> Iterator[dict[str, Any]]:
    """Every element, in the order of the page; containers as what they hold."""
    for node in nodes if isinstance(nodes, list) else ():
        if not isinstance(node, dict):
            continue
        held = [node.get(name) for name in ("elements", "columns", "actions") if node.get(name)]
        if not held:
            yield node
        for inner in held:
            yield from walk(inner)


def _show(element: dict[str, Any], shown: Shown) -> None:
    tag = element.get("tag")
    if tag == "button":
        _show_button(element, shown)
    elif tag == "hr":
        shown.blocks.append(RULE.strip())
    elif tag == "markdown":
        shown.blocks.append(plain_markdown(str(element.get("content") or "")))
    else:
        shown.blocks.append(plain_markdown(_text(element.get("text")) or _text(element)))
        shown.blocks.extend(
            plain_markdown(_text(_object(one).get("text"))) for one in element.get("fields") or ()
        )


def _show_button(element: dict[str, Any], shown: Shown) -> None:
    text = _text(element.get("text")) or "按钮"
    value, url = element.get("value"), str(element.get("url") or "")
    for behaviour in element.get("behaviors") or ():
        found = _object(behaviour)
        value = found.get("value", value) if found.get("type") == "callback" else value
        url = str(found.get("default_url") or url) if found.get("type") == "open_url" else url
    if url:
        shown.blocks.append(f"[{text}]({url})")
        return
    style = STYLES.get(str(element.get("type")), "default")
    told = {"text": text, "style": style, "value": _object(value), "disabled": bool(element.get("disabled"))}
    shown.buttons.append({"id": str(len(shown.buttons)), "name": str(element.get("name") or ""), **told})


def _text(node: Any) -> str:
    found = _object(node).get("content")
    return found if isinstance(found, str) else ""


def _object(node: Any) -> dict[str, Any]:
    return node if isinstance(node, dict) else {}
