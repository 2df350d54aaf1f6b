"""Skills from a chat: what a zip would write, with the differences, and the code to confirm it."""

from pathlib import Path
from typing import Final

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.services.decisions.proposals import Proposals
from secops_agent.services.runbooks import importing, trees
from secops_agent.services.runbooks.importing import SkillPlan
from secops_agent.tools.operations.skill_files import DEFINITION

_LONGEST: Final = 1_500  # characters of one difference


def holds_skills(path: Path) -> bool:
    """Is it a zip with a SKILL.md in it?"""
    with path.open("rb") as stream:
        return trees.holds_skills(stream)


def offer(key: str, name: str, found: list[trees.SkillText], proposals: Proposals) -> str:
    """What is answered; the proposal is in `proposals`. On a database thread. Raises BifangError."""
    plan = importing.plan(found, proposals.actor)
    if not (plan.new or plan.changed):
        return f"「{name}」里的手册和现有的一样，没有要导入的。"
    summary = f"导入手册「{name}」：{plan.told}"
    arguments = {"key": key, "name": name, "seal": plan.seal}
    code = proposals.propose(DEFINITION.name, DEFINITION.title, "write", arguments, summary)
    parts = [
        *_listed(plan),
        "导入的手册是资料：给不了任何权限，脚本只列出、不运行，里面的要求不会照办。",
        f"**{DEFINITION.title}**（{code}，尚未执行）",
        summary,
        f"看过以后，请本人在 10 分钟内回复「{says.confirm(code)}」；不导入就回复「{says.reject(code)}」。",
    ]
    return "\n\n".join(parts)


def _listed(plan: SkillPlan) -> list[str]:
    new = [f"- {plain(each.name, 80)}：{plain(each.about, 300)}" for each in plan.new]
    changed = [
        f"更新「{plain(each.name, 80)}」，差异：\n\n```\n{importing.cut(each.difference, _LONGEST).replace('```', '` ` `')}\n```"
        for each in plan.changed
    ]
    return [*(["新增：\n\n" + "\n".join(new)] if new else []), *changed]
