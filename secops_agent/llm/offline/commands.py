"""The slash commands: one table of `words/talk.toml` that parses them and writes the help text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from secops_agent import says

from .words import load, pattern

_NUMBER = re.compile(
    r"(?<!\S)(?:(?:告警|报警|alert)\s*)?#?A?(?P<number>\d{1,9})号?(?=[\s,，]|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A row of the table, explained there."""

    names: Sequence[str]
    usage: str
    meaning: str
    sentence: str
    needs: bool = False
    tools: Sequence[str] = ()
    verbatim: str = ""
    of_alert: bool = False


COMMANDS = tuple(SlashCommand(**row) for row in load("talk")["command"])


@cache
def _by_name() -> Mapping[str, SlashCommand]:
    """The longest name first."""
    named = {name: command for command in COMMANDS for name in command.names}
    return dict(sorted(named.items(), key=lambda pair: len(pair[0]), reverse=True))


def spell_out(text: str) -> str:
    """误报 A12 (or 误报 12) is 关闭告警 12 误报: the verdicts are verbs before an alert's letter and number.

    调查告警 12 and 查一下 A12 怎么回事 are the command, and so is 哪些规则最吵; 查看 A12 is 告警 12."""
    if asked := pattern("spelling.inquiry").fullmatch(text):
        return f"/调查 {asked['n']}"
    if asked := pattern("spelling.again_alert").fullmatch(text):
        return f"/调查 {asked['n']}"
    if asked := pattern("spelling.show").fullmatch(text.rstrip(" ?？。.!！")):
        return f"告警 {asked['n'] or asked['m']}"
    if pattern("spelling.noisy").fullmatch(text):
        return "/噪声规则"
    verdicts = "|".join(says.VERDICTS.values())
    text = re.sub("(?:刚才|刚刚)的?(?=[那这][条个台])", "", text)
    text = re.sub(r"^处置\s*A?(\d{1,9})$", r"告警 \1 怎么处置", text)
    return re.sub(rf"^({verdicts})\s*A?(\d{{1,9}})(?![\w.-])", r"关闭告警 \2 \1", text)


def read_again(text: str) -> tuple[str, bool] | None:
    """再查查 203.0.113.5, 再查查账号 root: what is named, and whether it is said to be somebody's account; None: no such line."""
    found = pattern("spelling.again").fullmatch(text.rstrip("?？。吧"))
    if found is None:
        return None
    said = found.groupdict()
    noun = (said.get("word") or said.get("noun") or "").strip()
    value = str(said.get("a") or said.get("b"))
    return value, bool(noun) and pattern("spelling.again_person").fullmatch(noun) is not None


def render_help() -> str:
    """The help text in DingTalk markdown, written from the table."""
    said = load("talk")["answers"]
    lines = [f"- `{command.usage}` {command.meaning}" for command in COMMANDS]
    return "\n".join([said["help_head"], "", *lines, said["help_tail"]])


def find_command(text: str) -> tuple[SlashCommand, str] | None:
    """The command that a normalised line starts with and the rest of the line; None when it is none."""
    if not text.startswith("/"):
        return None
    line = text[1:].strip()
    word, _, rest = line.partition(" ")
    command = _by_name().get(word.lower())
    if command is None:  # 告警高危 without the space
        glued = next((name for name in _by_name() if not name.isascii() and line.startswith(name)), None)
        if glued is None:
            return None
        command, rest = _by_name()[glued], line[len(glued) :]
    rest = _NUMBER.sub(r"告警 \g<number>", rest, count=1) if command.of_alert else rest
    return command, rest.strip()
