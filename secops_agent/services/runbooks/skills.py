"""A runbook as a skill: SKILL.md, a front matter in YAML between two lines ``---`` and then the text in Markdown; files beside it."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, ConfigDict, Field

from bifang.channels.text.visible import visible
from bifang.core.configuration.documents import read_yaml
from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.llm.offline import ACTION_TOOLS
from secops_agent.models import Runbook
from secops_agent.models.people.staff import RANK, Role

_TOOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")

# The front matter of the open Agent Skills standard, read as ours: what we know is taken, the rest is kept as it is.

MARK: Final = "description"  # a front matter with this key follows the standard
LONGEST: Final = 1024  # characters of it
_standard_TECHNIQUE: Final = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")
_TECHNIQUE_KEYS: Final = ("techniques", "mitre_attack")
_ROLES: Final = frozenset(role.value for role in Role)
_MOST, _LONGEST_TAG = 50, 60
_DEPTH: Final = 5
_LARGEST: Final = 2**53  # beyond it, programs that read JSON disagree about a number


def adopt(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys of our front matter, and those that we do not read. Raises InvalidInput."""
    if "when" in given:
        raise InvalidInput("when 和 description 是同一个意思，只写一个。")
    head = {name: given[name] for name in ("name", "roles", "published") if name in given}
    head["when"] = _standard_line(given[MARK])
    if len(head["when"]) > LONGEST:
        raise InvalidInput(f"description 太长，最多 {LONGEST} 个字。")
    head["tags"] = _tags(given.get("tags"))
    head["techniques"] = _unique(
        match
        for key in _TECHNIQUE_KEYS
        for match in _standard_TECHNIQUE.findall(str(given.get(key, "")).upper())
    )
    if _are_ours(given.get("tools")):
        head["tools"] = given["tools"]
    return head, {visible(key): _plain(value) for key, value in _others(given, head)}


def _others(given: Mapping[str, Any], head: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What is not read. A slip in ``roles`` would show to everybody what is for a few, so that it is refused."""
    for key, value in given.items():
        if key in (MARK, *head):
            continue
        if get_close_matches(key.lower(), ["roles"]) and _ROLES.issuperset(_words(value)):
            raise InvalidInput(f"不认识的键「{visible(key)[:40]}」：谁可以看应写 roles。")
        yield key, value


def _are_ours(tools: Any) -> bool:
    """Hints where to look; what may change something is none."""
    names = _words(tools) if isinstance(tools, list) else []
    return bool(names) and all(_TOOL.fullmatch(each) and each not in ACTION_TOOLS for each in names[:_MOST])


def _standard_line(value: Any) -> str:
    return " ".join(visible(str(value or "")).split())


def _tags(given: Any) -> list[str]:
    """A list, or one line with commas; what is no tag of ours is left out."""
    found = re.split(r"[,，、]", given) if isinstance(given, str) else _words(given)
    return [tag for tag in _unique(map(_standard_line, found)) if len(tag) <= _LONGEST_TAG]


def _words(value: Any) -> list[str]:
    return (
        [str(each) for each in value]
        if isinstance(value, list)
        else [value]
        if isinstance(value, str)
        else []
    )


def _unique(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, found)))[:_MOST]


def _plain(value: Any, depth: int = _DEPTH) -> Any:
    """As JSON can hold it and a reader can see it. Raises InvalidInput."""
    if not depth:
        raise InvalidInput(f"开头嵌套太深，最多 {_DEPTH} 层。")
    match value:
        case str():
            return visible(value)
        case dict():
            return {visible(str(key)): _plain(each, depth - 1) for key, each in value.items()}
        case list() | tuple() | set():
            return [_plain(each, depth - 1) for each in value]
        case date():  # a moment is one, too
            return value.isoformat()
        case bool() | None:
            return value
        case int() | float() if abs(value) < _LARGEST:  # and no nan
            return value
    raise InvalidInput("开头里有不能保存的值：数字太大，或不是文字、数字、列表和映射。")


LONGEST_HEAD: Final = 8_000
LONGEST_BODY: Final = 200_000
_SCRIPTS: Final = "scripts/"
_READABLE: Final = (".md", ".txt", ".rst", ".csv", ".json", ".yaml", ".yml")
_MARK: Final = "---"
_TECHNIQUE: Final = re.compile(r"T\d{4}(\.\d{3})?")


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
    if visible(text) != text or "\n" in text:
        raise ValueError("应为一行，不能有控制字符和看不见的字符")
    return text


Line = Annotated[str, AfterValidator(_line)]
Tag = Annotated[Line, Field(min_length=1, max_length=60)]
Reading = Literal["viewer", "analyst", "responder", "approver", "admin"]


class FrontMatter(Entry):
    """What stands above the text. ``roles``: who may read it; the lowest counts, because roles nest."""

    model_config = ConfigDict(str_max_length=LONGEST)

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    when: Annotated[Line, Field(max_length=LONGEST)] = ""
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
class SkillFile:
    """A file beside SKILL.md. ``text`` is empty for what is no text or too long: it is only listed."""

    path: str
    size: int
    digest: str
    text: str = ""

    @property
    def is_reference(self) -> bool:
        """May people and models read it: text that is no program?"""
        return not self.path.startswith(_SCRIPTS) and self.path.endswith(_READABLE)


@dataclass(frozen=True, slots=True)
class Skill:
    """A runbook as it is written. ``extra``: keys of the front matter that we do not read."""

    head: FrontMatter
    body: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[SkillFile, ...] = ()

    def columns(self) -> dict[str, Any]:
        """As the row has them."""
        head = self.head
        return {
            "title": head.name, "when": head.when, "tags": list(head.tags), "techniques": list(head.techniques),
            "tools": list(head.tools), "role": head.role.value, "published": head.published, "body": self.body,
            "extra": dict(self.extra),
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 of all that it holds, whatever the order of its keys."""
        listed = {each.path: each.digest for each in self.files}
        told = json.dumps([self.columns(), listed], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


def make_skill(head: Mapping[str, Any], body: str, extra: Mapping[str, Any] | None = None) -> Skill:
    """Checked. Raises InvalidInput that names every key with what is wrong."""
    front = read_entry(FrontMatter, head)
    text = body.replace("\r\n", "\n").strip("\n")
    if not text.strip():
        raise InvalidInput("手册需要标题和正文。")
    if len(text) > LONGEST_BODY:
        raise InvalidInput(f"正文太长，最多 {LONGEST_BODY} 个字。")
    if found := re.search(r"[\x00\ud800-\udfff]", text):
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidInput(f"正文第 {line} 行有不能保存的字符。")
    return Skill(front, text, extra or {})


def skill_of(row: Runbook) -> Skill:
    """A row as it would be written, without its files. Not checked: it may be older than today's rules."""
    head = FrontMatter.model_construct(
        name=row.title, when=row.when, tags=tuple(row.tags), techniques=tuple(row.techniques),
        tools=tuple(row.tools), roles=(row.role,), published=row.published,
    )  # fmt: skip
    return Skill(head, row.body, row.extra)


def whole_skill_of(row: Runbook) -> Skill:
    """The same with its files."""
    files = tuple(SkillFile(each.path, each.size, each.digest, each.text) for each in row.files.all())
    return replace(skill_of(row), files=files)


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
    body = "\n".join(lines[end + 1 :])
    if MARK not in given:
        return make_skill(given, body)
    known, extra = adopt(given)
    return make_skill(known, visible(body), extra)


def write_skill(skill: Skill) -> str:
    """As a file. `read_skill` reads the same again."""
    given = skill.head.model_dump() | {"roles": (skill.head.role.value,)}
    head = {"name": given.pop("name"), MARK: given.pop("when"), **skill.extra}
    head |= {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value != ()
    }
    told = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, default_flow_style=None, width=1000)
    return f"{_MARK}\n{told}{_MARK}\n\n{skill.body}\n"
