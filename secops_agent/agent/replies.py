"""The replies of a turn beside its words: files, what can be tapped, titles, what a stranger is told."""

from typing import Final

from bifang.channels.ports import Reply, Suggestion
from secops_agent.agent.outcome import TurnOutcome

_NO_FILE: Final = "文件「{name}」在这里发不了：请到「安全报告」页面下载。"


def files_of(outcome: TurnOutcome) -> tuple[Reply, ...]:
    """What tools made to be sent beside the answer."""
    files = dict.fromkeys(run.result.file for run in outcome.tool_runs if run.result.file)
    return tuple(Reply(_NO_FILE.format(name=file.name), at_sender=False, file=file) for file in files)


def offered(outcome: TurnOutcome, *, is_group: bool) -> tuple[Suggestion, ...]:
    """A tap that orders what the offline mode asks about; in a group the command is only shown."""
    offer = outcome.offer
    if offer is None or is_group or len(offer.ids) != 1:
        return ()
    return (Suggestion(offer.verb, offer.ids[0]),)


def title_of(text: str) -> str:
    """DingTalk shows it in the list of conversations and in notifications."""
    first = next((line.strip("#>*- ") for line in text.splitlines() if line.strip("#>*- ")), "毕方")
    return first.replace("**", "")[:40]


def unknown_person(staff_id: str, names: tuple[str, ...]) -> str:
    """All that someone without a role learns."""
    whom = f"管理员 {'、'.join(names)}" if names else "毕方的管理员"
    return f"您还没有使用毕方的权限。请把您的员工 ID `{staff_id}` 发给{whom}，请其在「人员」中为您开通。"
