"""Importing skills: what an import would do is shown first, an approver decides, and what was shown is what is written."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Role, Runbook, allows
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Forbidden
from secops_agent.services.people.authority import authority_of
from secops_agent.services.runbooks import store
from secops_agent.services.runbooks.skills import Skill, read_skill, whole_skill_of, write_skill
from secops_agent.services.runbooks.trees import SkillText

LONGEST_DIFFERENCE: Final = 20_000
_MOST_LINES: Final = 20_000  # that are compared
_TOLD: Final = 20  # faults
_UNSEEN: Final = "有看不见的字符，已去掉"


@dataclass(frozen=True, slots=True)
class ArrivingSkill:
    """A skill that would be written. ``pk``: the runbook that it replaces; ``difference``: what that changes, as lines with + and -."""

    place: str
    skill: Skill
    pk: int | None = None
    difference: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Its title."""
        return self.skill.head.name

    @property
    def about(self) -> str:
        """What it is for, and what comes with it."""
        scripts = sum(each.path.startswith("scripts/") for each in self.skill.files)
        listed = f"脚本 {scripts} 个，只列出，不运行" if scripts else ""
        count = f"另有 {len(self.skill.files)} 个文件" if self.skill.files else ""
        granted = "allowed-tools 不给任何权限" if "allowed-tools" in self.skill.extra else ""
        words = (self.skill.head.when, count, listed, granted, self.note)
        return "；".join(filter(None, words))


@dataclass(frozen=True, slots=True)
class SkillPlan:
    """What an import would do. ``unchanged``: titles."""

    new: tuple[ArrivingSkill, ...]
    changed: tuple[ArrivingSkill, ...]
    unchanged: tuple[str, ...]

    @property
    def seal(self) -> str:
        """SHA-256 of everything that would be written and of what that replaces: the same again only if nothing moved."""
        told = [
            (each.name, each.skill.digest, each.pk, each.difference) for each in (*self.new, *self.changed)
        ]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @property
    def told(self) -> str:
        """In numbers."""
        return f"新增 {len(self.new)}，更新 {len(self.changed)}，未变 {len(self.unchanged)}。"


def may_import(actor: Actor) -> bool:
    """The one rule of every door; the command line is the operator."""
    return allows(authority_of(actor), Role.APPROVER)


def plan(found: Sequence[SkillText], actor: Actor) -> SkillPlan:
    """What importing them would do. Raises Forbidden, and InvalidInput that names each fault with its place."""
    if not may_import(actor):
        raise Forbidden(f"导入手册需要「{Role.APPROVER.label}」角色：它的内容会被智能体当作资料引用。")
    arrivals = _parsed(found)
    rows = {row.title: row for row in Runbook.objects.filter(title__in=[each.name for each in arrivals])}
    mine = set(store.writable(actor).filter(title__in=rows).values_list("pk", flat=True))
    if taken := [name for name, row in rows.items() if row.pk not in mine]:
        raise InvalidInput(_joined([f"已有叫「{name}」的手册，您不能修改。" for name in taken]))
    new = [each for each in arrivals if each.name not in rows]
    compared = [_against(each, rows[each.name]) for each in arrivals if each.name in rows]
    changed = tuple(each for each in compared if each.difference)
    return SkillPlan(tuple(new), changed, tuple(each.name for each in compared if not each.difference))


def carry_out_sealed(found: Sequence[SkillText], seal: str, actor: Actor) -> str:
    """The same for what was shown a while ago; tells what was done. Raises InvalidInput, Forbidden."""
    decided = plan(found, actor)
    if decided.seal != seal:
        raise InvalidInput(
            "要导入的内容或现有的手册和您看到的不一样了，没有导入任何内容。请重新导入一次，看过差异再确认。"
        )
    carry_out(decided, actor)
    return decided.told


def carry_out(decided: SkillPlan, actor: Actor) -> None:
    """Write what was shown. Raises InvalidInput that names what was not written."""
    faults = []
    for each in (*decided.new, *decided.changed):
        try:
            store.adopt_skill(each.skill, actor, each.pk, f"导入，摘要 {each.skill.digest[:12]}")
        except BifangError as error:
            faults.append(f"{each.place}：{error.message}")
    if faults:
        raise InvalidInput(f"其余的已写入。{_joined(faults)}")


def _against(arrival: ArrivingSkill, row: Runbook) -> ArrivingSkill:
    before = whole_skill_of(row)
    if before.digest == arrival.skill.digest:
        return replace(arrival, pk=row.pk)
    return replace(arrival, pk=row.pk, difference=_difference(before, arrival.skill))


def _difference(before: Skill, after: Skill) -> str:
    """Of the text and of every file, also of scripts: who decides reads what would be stored."""
    old, new = ({each.path: each for each in skill.files} for skill in (before, after))
    parts = [compare(write_skill(before), write_skill(after))]
    for path in sorted(old.keys() | new.keys()):
        was, becomes = old.get(path), new.get(path)
        if was != becomes:
            size = f"{was.size if was else 0} → {becomes.size if becomes else 0} 字节"
            parts.append(
                f"文件 {path}（{size}）\n{compare(was.text if was else '', becomes.text if becomes else '')}"
            )
    return "\n".join(filter(None, parts))


def compare(old: str, new: str) -> str:
    """Lines with + and -, as `diff -u` writes them."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) + len(after) > _MOST_LINES:
        return "行数太多，没有逐行比较" if old != new else ""
    return "\n".join(list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:])


def cut(text: str, most: int = LONGEST_DIFFERENCE) -> str:
    """As much of a difference as a page shows, saying that there is more."""
    more = len(text) - most
    return f"{text[:most]}\n……还有 {more} 个字没有显示" if more > 0 else text


def _parsed(found: Sequence[SkillText]) -> list[ArrivingSkill]:
    arrivals: dict[str, ArrivingSkill] = {}
    faults = []
    for each in found:
        try:
            skill = replace(read_skill(each.text), files=each.files)
        except BifangError as error:
            faults.append(f"{each.place}：{error.message}")
            continue
        if twin := arrivals.get(skill.head.name):
            faults.append(f"{each.place}：名称「{skill.head.name}」和 {twin.place} 的一样。")
        note = _UNSEEN if visible(each.text) != each.text.replace("\r\n", "\n") else ""
        arrivals.setdefault(skill.head.name, ArrivingSkill(each.place, skill, note=note))
    if faults:
        raise InvalidInput(f"没有写入任何内容。{_joined(faults)}")
    return list(arrivals.values())


def _joined(faults: Sequence[str]) -> str:
    more = [f"……还有 {len(faults) - _TOLD} 个文件有问题。"] if len(faults) > _TOLD else []
    return "\n".join([*faults[:_TOLD], *more])
