"""Comparing every known component with every known advisory again."""

from collections.abc import Mapping
from typing import Any, Final

from secops_agent.services.actors import Actor
from secops_agent.services.schedules.tasks import TaskOrder, TaskResult
from secops_agent.services.vulnerabilities.comparison import matching


class Rematch:
    """What imports do for what they bring, for everything."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Always possible."""

    def run(self, order: TaskOrder) -> TaskResult:
        """Short transactions of its own."""
        added = matching.refresh(actor=Actor.system("schedule"))
        text = f"重新比对组件与漏洞：新增 {added} 个发现"
        return TaskResult(f"**{text}**" if added else "", text)


MATCH: Final = Rematch()
