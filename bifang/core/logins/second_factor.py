"""两步验证 (TOTP, RFC 6238): six digits that an authenticator shows, and recovery codes for whoever lost it.

Digits count once, whichever process sees them first; wrong ones are counted for the user, wherever they come from.
"""

import base64
import hashlib
import re
import secrets
import time
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from bifang.core.changes import Author, Change, record
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SecondFactor
from bifang.core.secrets.sealed import Sealed, place_of

STEP_S: Final = 30
DRIFT: Final = 1  # steps that a clock may be ahead or behind
FAILURES: Final = 10
PAUSE: Final = timedelta(minutes=15)
CODES: Final = 8
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
WRONG: Final = "验证码不对，或已经用过：请输入验证器应用现在显示的 6 位数字；一直不对时，请检查手机的时间。"
ALREADY: Final = "已经设置过两步验证：请刷新页面。"


class Paused(BifangError):
    """Too many wrong codes of one user; ``until`` then."""

    def __init__(self, until: datetime) -> None:
        super().__init__("验证码错误次数太多，请稍后再试。", permanent=False)
        self.until = until


def draw_secret() -> str:
    """A new one, as an authenticator takes it (base32)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address(secret: str, username: str) -> str:
    """The ``otpauth:`` address that the picture holds."""
    return _totp(secret).get_provisioning_uri(username, "毕方 Bifang")


def find(user_id: int | None) -> SecondFactor | None:
    """The user's, if there is one."""
    return SecondFactor.objects.filter(user_id=user_id).first() if user_id else None


def set_up(user: User, secret: str, code: str) -> list[str]:
    """Prove that `secret` is in the user's authenticator, and keep it; returns the recovery codes. InvalidInput."""
    step = _step_of(secret, _digits(code))
    if step is None:
        raise InvalidInput(WRONG)
    codes = _draw_codes()
    row = SecondFactor(user=user, step=step, recovery=_digests(codes))
    row.secret = Sealed.of(secret, place_of(SecondFactor, "secret", row))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _record(user, "设置两步验证")
    except IntegrityError:
        raise InvalidInput(ALREADY) from None
    return codes


def check(user: User, code: str) -> str:
    """How `code` was right: "digits" or "recovery"; it is used up then. InvalidInput if it is not, Paused.

    SecretError where the secret cannot be opened; recovery codes work even then.
    """
    row = SecondFactor.objects.get(user=user)
    _spend_attempt(row)
    how = "recovery" if _use_recovery(row, code) else "digits" if _use_digits(row, _digits(code)) else ""
    if not how:
        _record(user, "两步验证没有通过")
        raise InvalidInput(WRONG)
    SecondFactor.objects.filter(pk=row.pk).update(failures=0, failed_at=None)
    return how


def renew_codes(user: User, code: str) -> list[str]:
    """New recovery codes instead of all that are left. InvalidInput, Paused."""
    check(user, code)
    codes = _draw_codes()
    with transaction.atomic():
        SecondFactor.objects.filter(user=user).update(recovery=_digests(codes))
        _record(user, "更换两步验证的恢复码")
    return codes


def turn_off(user: User, code: str) -> None:
    """By the user. InvalidInput, Paused."""
    check(user, code)
    with transaction.atomic():
        SecondFactor.objects.filter(user=user).delete()
        _record(user, "关闭两步验证")


def reset(user: User, author: Author) -> bool:
    """By a superuser, for somebody who lost it: the next login asks for the password only. False: there was none."""
    with transaction.atomic():
        done = bool(SecondFactor.objects.filter(user=user).delete()[0])
        if done:
            record(Change(author, "重置两步验证", f"user:{user.pk}", {"name": user.get_username()}))
    return done


def left(row: SecondFactor) -> int:
    """How many recovery codes."""
    return len(row.recovery.split())


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_S)  # noqa: S303 - what authenticators speak


def _step_of(secret: str, digits: bytes) -> int | None:
    """The latest step whose digits these are."""
    totp, now = _totp(secret), int(time.time()) // STEP_S
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if constant_time.bytes_eq(totp.generate(step * STEP_S), digits):
            found = step
    return found


def _digits(code: str) -> bytes:
    return _plain(code)[:20].encode("utf-8", "replace")


def _use_digits(row: SecondFactor, digits: bytes) -> bool:
    assert row.secret is not None
    step = _step_of(row.secret.open(place_of(SecondFactor, "secret", row)), digits)
    return step is not None and bool(SecondFactor.objects.filter(pk=row.pk, step__lt=step).update(step=step))


def _use_recovery(row: SecondFactor, code: str) -> bool:
    digest, known = _digest(code), row.recovery.split()
    if digest not in known:
        return False
    known.remove(digest)
    with transaction.atomic():
        rows = SecondFactor.objects.filter(pk=row.pk, recovery=row.recovery)
        used = bool(rows.update(recovery="\n".join(known)))
        if used:
            _record(row.user, "用掉一个恢复码", left=len(known))
    return used


def _spend_attempt(row: SecondFactor) -> None:
    """Counted before it is looked at: of many at once, no more than the limit are."""
    now, mine = timezone.now(), SecondFactor.objects.filter(pk=row.pk)
    if not settings.RATE_LIMITS:
        return
    fresh = mine.filter(Q(failed_at=None) | Q(failed_at__lt=now - PAUSE)).update(failures=1, failed_at=now)
    if fresh or mine.filter(failures__lt=FAILURES).update(failures=F("failures") + 1, failed_at=now):
        return
    failed_at = mine.values_list("failed_at", flat=True).get() or now
    raise Paused(failed_at + PAUSE)


def _draw_codes() -> list[str]:
    """59 bits each: no dictionary finds them from their digests."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(6)) for _ in "12") for _ in range(CODES)
    ]


def _digest(code: str) -> str:
    plain = _plain(code)[:40].replace("-", "").lower()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def _plain(code: str) -> str:
    """As an input method may have written it: full-width, with spaces."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", code[:100]))


def _digests(codes: list[str]) -> str:
    return "\n".join(map(_digest, codes))


def _record(user: User, what: str, **detail: object) -> None:
    author = Author(user.pk, user.get_username(), "login")
    record(Change(author, what, f"user:{user.pk}", {"name": user.get_username(), **detail}))
