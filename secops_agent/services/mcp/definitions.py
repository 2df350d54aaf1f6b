"""Definitions of foreign tools: as a server offers one, and as a person lists it."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field

from bifang.channels.text.visible import visible
from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.models.people.staff import RANK, Role
from secops_agent.services.mcp.schemas import LARGEST, flatten

MOST_TOOLS: Final = 200
LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 4000  # characters that are kept, to be shown
FOR_MODEL: Final = 1000
_DEEPEST: Final = 100  # brackets in brackets that are kept
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")
Classed = Literal["read", "write", "dangerous"]
_CLASSES: Final = get_args(Classed)  # each asks more of people than the one before
AlertField = Literal["ip", "domain", "hash", "host", "asset"]
ALERT_FIELDS: Final[Mapping[AlertField, str]] = {
    "ip": "告警里的 IP", "domain": "告警里的域名", "hash": "告警里的文件哈希", "host": "涉及的主机名", "asset": "涉及的资产名",
}  # fmt: skip
NEEDED: Final[Mapping[str, Role]] = {
    "read": Role.VIEWER, "write": Role.ANALYST, "dangerous": Role.RESPONDER,
}  # fmt: skip
_HINTS: Final = {
    "readOnlyHint": ("只读", "不是只读"), "destructiveHint": ("有破坏性", "没有破坏性"), "idempotentHint": ("可重复", "不可重复"),
    "openWorldHint": ("与外界交互", "不与外界交互"),
}  # fmt: skip


@dataclass(frozen=True)
class OfferedTool:
    """As it came: ``description`` and ``schema`` are data of a stranger. ``digest`` is of all that a person must see."""

    name: str
    description: str = ""
    schema: Any = None
    hints: tuple[str, ...] = ()
    digest: str = ""
    fault: str = ""

    @cached_property
    def problem(self) -> str:
        """Why it cannot be used; "" if it can."""
        try:
            flatten(self.schema)
        except InvalidInput as error:
            return error.message
        return self.fault

    @property
    def hides(self) -> bool:
        """Does the description hold signs that nobody sees?"""
        return visible(self.description) != self.description.replace("\r\n", "\n").replace("\xa0", " ")

    def as_row(self) -> dict[str, Any]:
        """To be stored."""
        return asdict(self)


def from_row(row: Mapping[str, Any]) -> OfferedTool:
    """As it was stored."""
    return OfferedTool(**{**row, "hints": tuple(row["hints"])})


def read_offered(raw: Sequence[Any]) -> list[OfferedTool]:
    """What the server listed, without what has no proper name; a name that comes twice cannot be used."""
    tools: dict[str, OfferedTool] = {}
    for one in raw[:MOST_TOOLS]:
        try:
            tool = _read(one) if isinstance(one, dict) else None
        except RecursionError:
            tool = None
        if tool is not None and tool.name in tools:
            tool = OfferedTool(tool.name, digest=tool.digest, fault="服务列出了两个同名的工具。")
        if tool is not None:
            tools[tool.name] = tool
    return list(tools.values())


def _read(raw: Mapping[str, Any]) -> OfferedTool | None:
    name, told, schema = raw.get("name"), raw.get("description"), raw.get("inputSchema")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    description = told if isinstance(told, str) else ""
    sealed = json.dumps([name, description, schema], sort_keys=True, ensure_ascii=True)
    digest = hashlib.sha256(sealed.encode()).hexdigest()
    kept = schema if _may_be_kept(schema) else None
    return OfferedTool(name, storable(description)[:LONGEST_DESCRIPTION], kept, _hints(raw), digest)


def storable(text: str) -> str:
    """No database keeps NUL or halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _may_be_kept(schema: Any) -> bool:
    text = json.dumps(schema, ensure_ascii=False)
    shallow = max(accumulate((one in "{[") - (one in "]}") for one in text[: 2 * LARGEST])) <= _DEEPEST
    return len(text) <= 2 * LARGEST and shallow and "\\u0000" not in text and storable(text) == text


def _hints(raw: Mapping[str, Any]) -> tuple[str, ...]:
    given = raw.get("annotations")
    hints = given if isinstance(given, dict) else {}
    return tuple(
        words[hints[name] is False] for name, words in _HINTS.items() if isinstance(hints.get(name), bool)
    )


SpokenWord = Annotated[str, Field(min_length=2, max_length=20)]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


LOGS: Final = "search_logs"  # the name that a service's tool must have to answer a question for logs


class ListedTool(Entry):
    """What a person says of a tool. ``roles``: who may use it, each role with those above it. ``investigation``: its
    arguments that an automatic investigation fills in, each from which field of the alert; none: it takes no part. ``when``:
    the words of a sentence that asks for it.
    """

    classed: Classed
    roles: Annotated[tuple[Role, ...], BeforeValidator(_several)] = ()
    verify: str = ""
    undo: str = ""
    investigation: dict[str, AlertField] = {}
    when: Annotated[tuple[SpokenWord, ...], BeforeValidator(_several)] = ()

    @property
    def role(self) -> Role:
        """The lowest that may use it; never below what its class needs."""
        needed = NEEDED[self.classed]
        lowest = min(self.roles, key=lambda role: RANK[role], default=needed)
        return max(lowest, needed, key=lambda role: RANK[role])

    def role_as(self, name: str) -> Role:
        """`role`, of the tool of this name: logs are raw, so that who may ask for them is said, or may read private parts."""
        return (
            self.role
            if self.roles or name != LOGS
            else max(self.role, Role.ANALYST, key=lambda role: RANK[role])
        )

    def eases(self, before: "ListedTool | None") -> bool:
        """Does it ask less of people than before, or trust the server with more? Opening a tool that was off does."""
        if before is None or _CLASSES.index(self.classed) < _CLASSES.index(before.classed):
            return True
        by_itself = self.investigation.items() - before.investigation.items()
        other_tools = (self.verify, self.undo) != (before.verify, before.undo)
        return (
            RANK[self.role] < RANK[before.role]
            or other_tools
            or bool(by_itself or set(self.when) - set(before.when))
        )

    def as_entry(self) -> dict[str, Any]:
        """As files and the configuration keep it."""
        roles = [role.value for role in self.roles]
        given = {
            "class": self.classed, "roles": roles, "verify": self.verify, "undo": self.undo,
            "investigation": dict(self.investigation), "when": list(self.when),
        }  # fmt: skip
        return {key: value for key, value in given.items() if value}


L = TypeVar("L", bound=ListedTool)
_WORD: Final = {
    True: " read、write、dangerous，或 {class, roles, verify, undo, investigation, when}", False: "映射，要有 class 和 request",
}  # fmt: skip


def read_listed(entry: Any, shape: type[L]) -> L:
    """From ``read`` or ``{class, roles, verify, undo, investigation}``. Raises InvalidInput."""
    given = {"class": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or "class" not in given:
        raise InvalidInput(f"应为{_WORD[shape is ListedTool]}")
    named = {"classed" if key == "class" else key: value for key, value in given.items()}
    try:
        return read_entry(shape, named)
    except InvalidInput as error:
        raise InvalidInput(error.message.replace("classed", "class").rstrip("。")) from None


def read_listing(entries: Any, shape: type[L]) -> dict[str, L]:
    """Name → what is said of it, in a class of tools. Raises InvalidInput that names the tool."""
    if not isinstance(entries, Mapping):
        raise InvalidInput("应为映射，例如 {get_rules: read, block_address: dangerous}。")
    if len(entries) > MOST_TOOLS:
        raise InvalidInput(f"最多 {MOST_TOOLS} 个工具。")
    listed: dict[str, L] = {}
    for name, entry in entries.items():
        if not _NAME.fullmatch(str(name)):
            raise InvalidInput(f"「{str(name)[:60]}」不是工具名。")
        try:
            listed[str(name)] = read_listed(entry, shape)
        except InvalidInput as error:
            raise InvalidInput(f"工具「{name}」：{error.message}") from None
    for name, one in listed.items():
        _check_links(name, one, listed)
    return listed


def _check_links(name: str, one: ListedTool, listed: Mapping[str, ListedTool]) -> None:
    verify, undo = listed.get(one.verify), listed.get(one.undo)
    if one.investigation and (one.classed != "read" or one.role != Role.VIEWER):
        raise InvalidInput(
            f"工具「{name}」的 investigation：只有列为 read、「查看」角色就能用的工具可以用于自动调查（结果显示在告警页上）。"
        )
    if one.when and one.classed != "read":
        raise InvalidInput(f"工具「{name}」会改动系统，不写 when：只有查询的工具能用普通的话叫到。")
    if one.classed == "read" and (one.verify or one.undo):
        raise InvalidInput(f"工具「{name}」只读，不需要 verify 和 undo。")
    if one.verify and (verify is None or verify.classed != "read"):
        raise InvalidInput(f"工具「{name}」的 verify：「{one.verify}」应是同一服务里列为 read 的工具。")
    if one.undo and (undo is None or undo.classed == "read"):
        raise InvalidInput(
            f"工具「{name}」的 undo：「{one.undo}」应是同一服务里列为 write 或 dangerous 的工具。"
        )


@dataclass(frozen=True, slots=True)
class ReadyTool:
    """A tool that may be used now. ``alias`` is its name for models; ``schema`` is flat; ``pin`` what was seen."""

    config_id: int
    service: str
    name: str
    alias: str
    risk: Classed
    role: Role
    description: str
    pin: str
    verify: str = ""
    undo: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    investigation: Mapping[str, AlertField] = field(default_factory=dict)
    kind: str = "MCP 服务"
    when: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Kind and name of the service."""
        return f"{self.kind}「{self.service}」"

    @property
    def key(self) -> tuple[int, str]:
        """Where it is."""
        return self.config_id, self.name


def alias_of(config_id: int, service: str, tool: str) -> str:
    """For models: letters, digits and underscores, with the configuration's name, as far as it has letters, and number."""
    slug = re.sub(r"[^a-z0-9]+", "_", service.lower().encode("ascii", "ignore").decode()).strip("_")[:16]
    return f"{slug or 'mcp'}{config_id}_{re.sub(r'[^A-Za-z0-9_]', '_', tool)}"[:64]
