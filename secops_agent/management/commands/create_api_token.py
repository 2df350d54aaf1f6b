"""``manage.py create_api_token NAME --scope S …``: a token for a program, printed once."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.models import ApiToken, Scope
from secops_agent.services.actors import Actor
from secops_agent.services.people import tokens

LONGEST_DAYS = 3650


class Command(OperatorCommand):
    """The token is the only line on stdout, so that a script can keep it; the rest is told on stderr."""

    help = "创建 API 令牌，只显示这一次；标准输出只有令牌本身"

    def add_arguments(self, parser: CommandParser) -> None:
        """What it is for, what it may do, and in whose name."""
        parser.add_argument("name", metavar="NAME", help="用途，例如 Alertmanager；不能与已有的重名")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, help="权限范围，可重复"
        )
        parser.add_argument(
            "--owner", default="", metavar="用户名", help="归属的登录用户；没有归属的令牌不能审批"
        )
        parser.add_argument(
            "--source", action="append", default=[], metavar="来源",
            help="导入时可以代表的来源，可重复；只写一个时它是默认的来源；不写则可以代表任何来源",
        )  # fmt: skip
        parser.add_argument("--days", type=int, default=0, metavar="N", help="多少天后过期；默认不过期")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a name that is taken, an unknown user, a bad number of days, an empty source."""
        name = options["name"].strip()
        if not name or len(name) > 100:
            raise CommandError("请给令牌一个 1 到 100 个字的名称，说明谁用它。")
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"已有名为「{name}」的令牌：换一个名称，或先在「API 令牌」页吊销它。")
        if not 0 <= options["days"] <= LONGEST_DAYS:
            raise CommandError(f"--days 应在 1 到 {LONGEST_DAYS} 之间；不写表示不过期。")
        if not all(source.strip() for source in options["source"]):
            raise CommandError(
                "--source 是空的：那样的令牌可以代表任何来源。请写明来源；确实不限定时，不写 --source。"
            )
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        owner_id = self._owner(options["owner"]) if options["owner"] else None
        actor = Actor.system("create_api_token")
        try:
            row, secret = tokens.create(
                name, options["scope"], expires_at=expires_at, owner_id=owner_id, actor=actor, sources=options["source"]
            )  # fmt: skip
        except BifangError as error:
            raise CommandError(error.message) from None
        self.stdout.write(secret)
        only = f"；只能代表来源 {'、'.join(row.sources)}" if row.sources else ""
        self.stderr.write(
            f"已创建令牌「{row.name}」（{'、'.join(row.scopes)}{only}）。请立即保存：不会再显示。"
        )

    def _owner(self, username: str) -> int:
        users = get_user_model().objects.filter(username=username, is_active=True)
        pk: int | None = users.values_list("pk", flat=True).first()
        if pk is None:
            raise CommandError(
                f"没有可登录的用户「{username}」：--owner 是登录网页的用户名，请先在管理后台「设置 → 人员」里给他，或检查拼写。"
            )
        return pk
