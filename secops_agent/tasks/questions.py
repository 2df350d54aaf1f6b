"""A question that is asked again at set times, and a reminder, told once. A question is understood by the offline mode, answered by the tools of its owner."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.agent.llms.lexicon import build
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.llm.offline import READ_TOOLS, Intent
from secops_agent.llm.understanding.reading import understand
from secops_agent.services.names import known_names
from secops_agent.services.schedules.delivery import LONGEST
from secops_agent.services.schedules.tasks import LONGEST_QUESTION, TaskOrder, TaskResult
from secops_agent.tools.arguments import parse
from secops_agent.tools.base import clip
from secops_agent.tools.definitions import Asker
from secops_agent.tools.frames import FRAMES
from secops_agent.tools.registry import BY_NAME

NOT_ASKED: Final = frozenset({"list_schedules", "service_status", "search_runbook"})


class QuestionWork:
    """Answered anew each time, so 昨天 is the day before each run."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput for what the offline mode does not understand."""
        _understand(str(arguments["text"]), timezone.localtime(), "")

    def run(self, order: TaskOrder) -> TaskResult:
        """Raises InvalidInput when it cannot be answered any more."""
        text = str(order.arguments["text"])
        intent = _understand(text, order.now, order.reader.staff_id)
        definition = BY_NAME[intent.tool]
        asker = Asker(order.reader, order.shared, order.now, REFUSING)
        result = definition.run(asker, parse(definition.arguments, intent.arguments))
        return TaskResult(clip(result, LONGEST).text, f"{definition.title}：{result.query or text}")


def _understand(text: str, now: datetime, asker: str) -> Intent:
    found = understand(text, build(known_names()), now, FRAMES, asker=asker)
    intent = found.intent if not found.hint else None
    if intent is None or intent.tool not in READ_TOOLS - NOT_ASKED:
        raise InvalidInput(
            f"「{text[:60]}」不能作为定时任务：可以是 日报、周报、月报、更新漏洞情报、重新比对，"
            "或离线模式能回答的一句查询，例如 未处理的高危告警、昨天的告警统计；到时提醒一句的写「提醒：要做的事」。"
        )
    return intent


class ReminderWork:
    """What somebody wanted to be told at that time, in their own words."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Always possible."""

    def run(self, order: TaskOrder) -> TaskResult:
        """Nothing is looked up."""
        text = plain(str(order.arguments["text"]), LONGEST_QUESTION)
        told = f"**{plain(order.reader.name, 40)}** 请毕方到时候告诉您：\n\n" if order.shared else ""
        return TaskResult(f"{told}⏰ **{text}**", "已提醒")


QUESTION: Final = QuestionWork()
REMINDER: Final = ReminderWork()
