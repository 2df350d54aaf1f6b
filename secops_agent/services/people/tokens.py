"""API tokens: made, shown once, recognised, revoked."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from secops_agent.models.people.token import ApiToken, Scope
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.people.logins import accounts, valid_user
from secops_agent.services.reading import rows_by

PROGRAM: Final = Actor.system("program")
PREFIX = "bf_"
_BYTES = 32
_LENGTH = len(PREFIX) + 43  # 256 bits in base64 without padding
_USE_EVERY = timedelta(minutes=1)
LONGEST_SOURCE: Final = 60  # as the tables hold
MOST_SOURCES: Final = 50


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token that was recognised may do; ``rate`` in requests a minute, 0: no limit.

    ``owner``: the Django user as whom it acts, and whose rights bound it; ``owner_name`` is the person's. ``sources``
    as of `Actor`.
    """

    token_id: int
    name: str
    scopes: frozenset[str]
    rate: int
    owner: Any = None
    owner_name: str = ""
    sources: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """Who does what is done with it: the token, in the name of its owner."""
        return Actor.token(str(self.token_id), self.name, self.owner_name, self.sources)

    def may(self, scope: str) -> bool:
        """Does the token have this scope?"""
        return scope in self.scopes or (scope == Scope.READ and Scope.WRITE in self.scopes)


def create(
    name: str,
    scopes: Sequence[str],
    *,
    expires_at: datetime | None = None,
    sources: Sequence[str] = (),
    rate: int = 3000,
    owner_id: int | None = None,
    actor: Actor = PROGRAM,
) -> tuple[ApiToken, str]:
    """A new token: its row, and the token itself, which nobody can read again. Raises InvalidInput."""
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        raise InvalidInput(f"权限范围应从这些中选择至少一个：{'、'.join(Scope.values)}。")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("到期时间应在将来。")
    bound = checked_sources(sources)
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    row = ApiToken(
        name=name,
        digest=digest_of(secret),
        hint=secret[:7],
        scopes=sorted(set(scopes)),
        sources=bound,
        rate=rate,
        owner_id=owner_id,
        created_at=timezone.now(),
        expires_at=expires_at,
    )
    detail = {
        "name": name,
        "scopes": row.scopes,
        "sources": bound,
        "rate": rate,
        "owner": owner_id,
        "expires_at": expires_at and expires_at.isoformat(),
    }
    with transaction.atomic():
        row.save(force_insert=True)
        keep(actor, f"创建 API 令牌「{name}」", f"token:{row.pk}", detail)
    return row, secret


def checked_sources(names: Sequence[str]) -> list[str]:
    """Without what surrounds them, each once. Raises InvalidInput for what no source can be called."""
    found = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    bad = next(
        (name for name in found if len(name) > LONGEST_SOURCE or "\n" in name or name != visible(name)), None
    )
    if bad is not None:
        raise InvalidInput(
            f"来源「{visible(bad)[:20]}」不能用：最多 {LONGEST_SOURCE} 个字，没有看不见的字符。"
        )
    if len(found) > MOST_SOURCES:
        raise InvalidInput(f"一个令牌最多写 {MOST_SOURCES} 个来源；要更多时不写，或分成几个令牌。")
    return found


def digest_of(secret: str) -> str:
    """SHA-256 in hex: a random token of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like_token(text: str) -> bool:
    """Could this be one of ours? Saves a query for other passwords."""
    return text.startswith(PREFIX) and len(text) == _LENGTH and text.isascii()


def recognise(secret: str) -> Grant | None:
    """The grant of a token that is valid now; None for an unknown, expired or revoked one, or of one who has left."""
    if not looks_like_token(secret):
        return None
    now = timezone.now()
    row = next(iter(rows_by(ApiToken, "digest", [digest_of(secret)])), None)
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    owner = valid_user(row.owner_id) if row.owner_id is not None else None
    if row.owner_id is not None and owner is None:
        return None
    _note_use(row, now)
    return Grant(
        row.pk, row.name, frozenset(row.scopes), row.rate, owner, owner_name(owner), tuple(row.sources)
    )


def owner_name(owner: Any) -> str:
    """The person's name, or the login's."""
    person = next((row for row in accounts(owner) if row.active), None) if owner else None
    return person.name if person else owner.get_username() if owner else ""


def _note_use(row: ApiToken, now: datetime) -> None:
    """At most once a minute, whoever comes first."""
    if row.last_used_at is None or now - row.last_used_at >= _USE_EVERY:
        before = Q(last_used_at=None) | Q(last_used_at__lte=now - _USE_EVERY)
        ApiToken.objects.filter(before, pk=row.pk).update(last_used_at=now)


def revoke(ids: Sequence[int], actor: Actor = PROGRAM) -> int:
    """From now on these are refused. Returns how many were still valid."""
    return sum(_revoke(pk, actor) for pk in ids)


def _revoke(pk: int, actor: Actor) -> int:
    with transaction.atomic():
        done = ApiToken.objects.filter(pk=pk, revoked_at=None).update(revoked_at=timezone.now())
        if done:
            name = ApiToken.objects.values_list("name", flat=True).get(pk=pk)
            keep(actor, f"吊销 API 令牌「{name}」", f"token:{pk}", {"name": name})
    return done
