"""A runbook as a file: SKILL.md, a front matter in YAML between two lines ``---`` and then the text in Markdown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, Field

from bifang.core.documents import read_yaml
from bifang.core.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.llm.offline import ACTION_TOOLS
from secops_agent.models import Runbook
from secops_agent.models.staff import RANK, Role

LONGEST_HEAD: Final = 8_000
LONGEST_BODY: Final = 200_000
_MARK: Final = "---"
_TECHNIQUE: Final = re.compile(r"T\d{4}(\.\d{3})?")
_TOOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def _technique(text: str) -> str:
    if not _TECHNIQUE.fullmatch(text.upper()):
        raise ValueError(f"「{text[:30]}」不是 ATT&CK 技术编号，应形如 T1110 或 T1110.001")
    return text.upper()


def _tool(text: str) -> str:
    """What may change something is no hint where to look."""
    if text in ACTION_TOOLS:
        raise ValueError(f"「{text}」是操作，这里只写查询工具")
    if not _TOOL.fullmatch(text):
        raise ValueError(f"「{text[:30]}」不是工具的名称")
    return text


def _line(text: str) -> str:
    if _UNSEEN.search(text) or "\n" in text or "\r" in text:
        raise ValueError("应为一行，不能有控制字符和看不见的字符")
    return text


Line = Annotated[str, AfterValidator(_line)]
Tag = Annotated[Line, Field(min_length=1, max_length=60)]
Reading = Literal["viewer", "analyst", "responder", "approver", "admin"]


class FrontMatter(Entry):
    """What stands above the text. ``roles``: who may read it; the lowest counts, because roles nest."""

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    when: Annotated[Line, Field(max_length=300)] = ""
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()
    techniques: Annotated[tuple[Annotated[str, AfterValidator(_technique)], ...], Field(max_length=50)] = ()
    tools: Annotated[tuple[Annotated[str, AfterValidator(_tool)], ...], Field(max_length=20)] = ()
    roles: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=5)] = ("viewer",)
    published: bool = True

    @property
    def role(self) -> Role:
        """The lowest."""
        return min((Role(each) for each in self.roles), key=RANK.__getitem__)


@dataclass(frozen=True, slots=True)
class Skill:
    """A runbook as it is written."""

    head: FrontMatter
    body: str

    def columns(self) -> dict[str, Any]:
        """As the row has them."""
        head = self.head
        return {
            "title": head.name, "when": head.when, "tags": list(head.tags), "techniques": list(head.techniques),
            "tools": list(head.tools), "role": head.role.value, "published": head.published, "body": self.body,
        }  # fmt: skip


def make_skill(head: Mapping[str, Any], body: str) -> Skill:
    """Checked. Raises InvalidInput that names every key with what is wrong."""
    front = read_entry(FrontMatter, head)
    text = body.replace("\r\n", "\n").strip("\n")
    if not text.strip():
        raise InvalidInput("处置手册需要标题和正文。")
    if len(text) > LONGEST_BODY:
        raise InvalidInput(f"正文太长，最多 {LONGEST_BODY} 个字。")
    if found := re.search(r"[\x00\ud800-\udfff]", text):
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidInput(f"正文第 {line} 行有不能保存的字符。")
    return Skill(front, text)


def skill_of(row: Runbook) -> Skill:
    """A row as it would be written. Not checked: it may be older than today's rules."""
    head = FrontMatter.model_construct(
        name=row.title, when=row.when, tags=tuple(row.tags), techniques=tuple(row.techniques),
        tools=tuple(row.tools), roles=(row.role,), published=row.published,
    )  # fmt: skip
    return Skill(head, row.body)


def read_skill(text: str) -> Skill:
    """The skill that a file holds. Raises InvalidInput with the place."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _MARK:
        raise InvalidInput("第 1 行应为「---」：SKILL.md 以 YAML 写的开头（name、when、tools、roles…）开始。")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _MARK), 0)
    if not end:
        raise InvalidInput("没有找到结束开头的第二个「---」。")
    head = "\n".join(["", *lines[1:end]])  # the empty line keeps the numbers of the lines
    if len(head) > LONGEST_HEAD:
        raise InvalidInput(f"开头太长，最多 {LONGEST_HEAD} 个字；步骤写在第二个「---」之后。")
    given = read_yaml(head, aliases=False)
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise InvalidInput("开头应为映射，例如 name: SSH 暴力破解处置。")
    return make_skill(given, "\n".join(lines[end + 1 :]))


def write_skill(skill: Skill) -> str:
    """As a file. `read_skill` reads the same again."""
    head = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in skill.head.model_dump().items()
        if value not in ("", ())
    }
    told = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, default_flow_style=None, width=1000)
    return f"{_MARK}\n{told}{_MARK}\n\n{skill.body}\n"
