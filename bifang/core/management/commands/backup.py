"""``manage.py backup DIR``: database, keys and files, while the system runs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from bifang.core.backups.making import make_backup
from bifang.core.command import OperatorCommand


class Command(OperatorCommand):
    """For cron and before an upgrade."""

    help = "备份数据库、密钥和数据目录里的文件，带校验和；可以在运行中执行"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and what of it."""
        parser.add_argument(
            "dir", metavar="目录", type=Path, help="只有本人能读的目录（0700）；每份备份在里面单独一个目录"
        )
        parser.add_argument("--keep", metavar="份数", type=int, default=0, help="只留最新的几份；默认都留着")
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help="不带密钥（encryption.key 另外保存），也不带 /etc/bifang/env",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and say what must be known of it."""
        place, made = make_backup(options["dir"], keys=not options["without_keys"], keep=options["keep"])
        self.stdout.write(f"已备份到 {place}：{made.summary}。")
        self.stdout.write(
            "里面有密钥：谁拿到它，谁就读得到全部内容；离开这台机器以前请加密。"
            if made.keys
            else "里面没有密钥：没有 encryption.key 恢复不了，请把它另外保存。"
        )
        self.stdout.write(
            f"{settings.SECRETS_DIR} 里的文件不在里面。演练恢复：python manage.py restore_drill {place}"
        )
