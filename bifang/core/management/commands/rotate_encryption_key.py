"""``manage.py rotate_encryption_key``: seal everything with a new key while the system runs."""

from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import models

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from bifang.core.secrets import keys
from bifang.core.secrets.sealed import Sealed, SealedField, place_of

CHUNK = 500
REFILL = "请到「系统配置」里重新填写各个密钥，并重启各进程；用两步验证的人要重新设置。"


class Command(OperatorCommand):
    """New key in front, every sealed value rewritten, old keys dropped."""

    help = "更换加密密钥：生成新密钥、重新加密所有密文、移除旧密钥（运行中的进程会自动改用新密钥）"

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do with what no key opens."""
        parser.add_argument(
            "--lost", action="store_true", help="原来的密钥找不回来：清除用它加密的内容，不更换密钥"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate; safe to repeat after an interruption."""
        if options["lost"]:
            done, failed = reseal_all(lost=True)
            left = f"{failed} 个留着（审计的封条、两步验证）。" if failed else ""
            self.stdout.write(f"已清除 {done} 个打不开的密文。{left}{REFILL}")
            return
        from_file = not settings.ENCRYPTION_KEYS
        try:
            if from_file:
                keys.add_new_key()
            # Twice: what another process sealed with the old key while we were at it.
            (done, failed), (late, _) = reseal_all(), reseal_all()
            if not failed and from_file:
                keys.drop_old_keys()
        except BifangError as error:
            raise CommandError(error.message) from None
        self._report(done + late, failed, from_file)

    def _report(self, done: int, failed: int, from_file: bool) -> None:
        if failed:
            raise CommandError(
                f"已重新加密 {done} 个密文；{failed} 个无法用现有密钥解密，旧密钥已保留。请恢复原密钥后重试，或重新填写。"
            )
        self.stdout.write(f"已重新加密 {done} 个密文。")
        if not from_file:
            self.stdout.write(
                "密钥来自 BIFANG_ENCRYPTION_KEY：现在可以从中删去第一个之外的旧密钥，并重启各进程。"
            )


def sealed_fields() -> list[tuple[type[models.Model], str]]:
    """Every (model, field) that holds ciphertext."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, SealedField)
    ]


def reseal_all(*, lost: bool = False) -> tuple[int, int]:
    """Every sealed column; returns (rewritten, unreadable)."""
    counts = [reseal(model, field, lost=lost) for model, field in sealed_fields()]
    return sum(done for done, _ in counts), sum(failed for _, failed in counts)


def reseal(model: type[models.Model], name: str, *, lost: bool = False) -> tuple[int, int]:
    """Rewrite one column with the current key; returns (rewritten, unreadable). Conditional on the old value.

    ``lost``: what no key opens is erased where the column may be empty, and counts as rewritten.
    """
    done = failed = last = 0
    ring, field = keys.keyring(), cast("SealedField", model._meta.get_field(name))
    rows = model._default_manager.exclude(**{name: None}).order_by("pk")
    while chunk := list(rows.filter(pk__gt=last).values("pk", name, *field.bound_to)[:CHUNK]):
        for row in chunk:
            last, sealed, place = row["pk"], row[name], place_of(model, name, row)
            if ring.is_current(sealed.token, place):
                continue
            fresh: Sealed | None = None
            try:
                fresh = Sealed(ring.seal(ring.open(sealed.token, place), place))
            except BifangError:
                if not (lost and field.null):
                    failed += 1
                    continue
            done += model._default_manager.filter(pk=last, **{name: sealed}).update(**{name: fresh})
    return done, failed
