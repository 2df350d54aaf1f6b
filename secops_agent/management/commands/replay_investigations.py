"""Compare what would have been suggested with what people decided; the same as the daily job."""

from argparse import ArgumentParser
from typing import Any

from bifang.core.command import OperatorCommand
from secops_agent.services.investigations import replays


class Command(OperatorCommand):
    """``replay_investigations [--days N] [--limit N]``."""

    help = "按告警到达时已知的情况重新给出建议结论，与人员的结论对照；结果在管理后台「调查对照」。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How far back, how many."""
        parser.add_argument("--days", type=int, default=replays.SPAN.days, help="最近几天关闭的告警")
        parser.add_argument("--limit", type=int, default=replays.MOST, help="最多几条，最近关闭的优先")

    def handle(self, **options: Any) -> None:
        """Runs without the time limit of the job."""
        self.stdout.write(replays.run(options["days"], options["limit"], float("inf")))
        found = replays.latest()
        for each in found.rules if found else ():
            parts = (
                each.source, each.rule, str(each.judged), replays.percent_words(each.agreement),
                replays.percent_words(each.recall), "显示建议" if each.has_earned else "还不够",
            )  # fmt: skip
            self.stdout.write("\t".join(parts))
