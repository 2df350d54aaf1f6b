"""Replies of a turn beside its text: files, private copies, taps, titles, the notice to a stranger."""

from typing import Final

from bifang.channels.ports import Reply, ReplyTarget, Suggestion, Turn
from secops_agent import says
from secops_agent.agent.turn.outcome import TurnOutcome

_NO_FILE: Final = "文件「{name}」在这里发不了：请到「报告」页面下载。"


def files_of(outcome: TurnOutcome) -> tuple[Reply, ...]:
    """What tools made to be sent beside the answer."""
    files = dict.fromkeys(run.result.file for run in outcome.tool_runs if run.result.file)
    return tuple(Reply(_NO_FILE.format(name=file.name), at_sender=False, file=file) for file in files)


def with_private_copies(
    turn: Turn, staff_id: str, outcome: TurnOutcome, *, is_group: bool
) -> tuple[str, tuple[Reply, ...]]:
    """In a group: what it may not show goes to the asker's own chat, and the group is told so."""
    hidden = [run.result.private_text for run in outcome.tool_runs if run.result.private_text]
    if not hidden or turn.target is None or not is_group:
        return outcome.text, ()
    own = ReplyTarget("", is_group=False, staff_id=staff_id, robot_code=turn.target.robot_code)
    copies = tuple(
        Reply(text, title=title_of(text), at_sender=False, target=own) for text in dict.fromkeys(hidden)
    )
    return f"{outcome.text}\n\n已私聊发送：含个人信息的完整内容。", copies


def offered(outcome: TurnOutcome, *, is_group: bool) -> tuple[Suggestion, ...]:
    """The tap that takes an offer; in a group it is only shown."""
    return () if outcome.offer is None or is_group else (says.submit(outcome.offer.code),)


def title_of(text: str) -> str:
    """DingTalk shows it in the list of conversations and in notifications."""
    first = next((line.strip("#>*- ") for line in text.splitlines() if line.strip("#>*- ")), "毕方")
    return first.replace("**", "")[:40]


def unknown_person(staff_id: str, names: tuple[str, ...]) -> str:
    """All that someone without a role learns."""
    whom = f"管理员 {'、'.join(names)}" if names else "毕方的管理员"
    return f"您还没有使用毕方的权限。请把您的员工 ID `{staff_id}` 发给{whom}，请其在「人员」中为您开通。"
