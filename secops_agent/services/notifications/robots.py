"""Custom robots as targets: their addresses and secrets checked, sealed, opened; who may add one, and who is told of it."""

import hashlib
import re
import uuid
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from bifang.core.errors import BifangError, InvalidInput, SecretError
from bifang.core.models import SystemConfig
from bifang.core.outbound.rules import check_robot_url
from bifang.core.secrets import references
from bifang.core.secrets.redaction import remember_secret
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models import NotificationRule, NotificationTarget, TargetKind
from secops_agent.services.actors import Actor
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.notifications.delivery import administrators

# What somebody may do about robots: nothing, write addresses and secrets themselves, also refer to secrets elsewhere.
Grant = Literal["none", "literal", "all"]
PLATFORM: Final = "dingtalk"  # no other platform's robots are known
SEALED: Final = ("url", "secret")
_SECRET: Final = re.compile(r"[\x21-\x7e]{1,200}")
FORBIDDEN: Final = "只有管理员可以添加或更改自定义机器人：请管理员来设置，或改用群。"
RESERVED: Final = (
    "只有超级管理员可以填写引用（env:、file:）：请填写机器人的地址和密钥本身，或请超级管理员设置。"
)


def describe_robot(target: NotificationTarget) -> str:
    """For people: never its address."""
    return f"{target.name} ****".strip()


def fill(row: NotificationTarget, entry: TargetEntry) -> None:
    """What the entry says of a robot, sealed for this unsaved row. Raises InvalidInput, SecretError."""
    if entry.uid:
        kept = NotificationTarget.objects.filter(uid=entry.uid, kind=TargetKind.WEBHOOK).first()
        if kept is None:
            raise InvalidInput("这个自定义机器人已经不在了：请重新填写它的地址。")
        row.name, row.config = kept.name, row.config or kept.config
        values = {column: _open(kept, column) for column in SEALED}
    else:
        row.name, values = entry.name, {"url": entry.url, "secret": entry.secret}
    _check(values["url"], values["secret"])
    for column, value in values.items():
        setattr(row, column, Sealed.of(value, place_of(NotificationTarget, column, row)) if value else None)
    row.conversation_id = _identity(values["url"])


def paying(config: SystemConfig | None) -> SystemConfig:
    """Whose messages a robot's are: this configuration's, else the first one's. Raises InvalidInput."""
    if config is not None and config.kind != PLATFORM:
        raise InvalidInput(f"自定义机器人是钉钉的，不能由「{config}」发送：config 请写钉钉配置，或不写。")
    row = config or SystemConfig.objects.current().filter(kind=PLATFORM).order_by("-enabled", "pk").first()
    if row is None:
        raise InvalidInput("还没有钉钉配置：请先添加，自定义机器人的消息计入它的企业。")
    return row


def _check(url: str, secret: str) -> None:
    if not url:
        raise InvalidInput("目标 webhook 缺少 url：请从钉钉群的机器人设置中复制 Webhook 地址。")
    for value in (url, secret):
        references.check_reference(value)
    if not references.is_reference(url):
        _remember(url, secret)
        check_robot_url(url)
    if secret and not references.is_reference(secret) and not _SECRET.fullmatch(secret):
        raise InvalidInput("机器人的加签密钥格式不正确：请从机器人的安全设置中复制以 SEC 开头的整个密钥。")


def _remember(url: str, secret: str) -> None:
    """No log tells them from now on."""
    remember_secret(secret, *parse_qs(urlsplit(url).query).get("access_token", ()))


def _identity(url: str) -> str:
    """The same for the same robot, also where one rule has its address and another one refers to it."""
    try:
        known = references.resolve(url) if references.is_reference(url) else url
    except SecretError:
        known = url
    return hashlib.blake2b(known.encode(), digest_size=16).hexdigest()


def _open(row: NotificationTarget, column: str) -> str:
    sealed: Sealed | None = getattr(row, column)
    return str(sealed.open(place_of(NotificationTarget, column, row))) if sealed else ""


def open_robot(uid: str) -> tuple[str, str]:
    """Its address and secret, references read, to be used now. Raises InvalidInput, ConfigError, SecretError."""
    row = NotificationTarget.objects.filter(uid=uid, kind=TargetKind.WEBHOOK).first()
    if row is None:
        raise InvalidInput("这个自定义机器人已经从通知规则中删除，消息没有发送。")
    url, secret = (
        references.resolve(value) if references.is_reference(value) else value
        for value in (_open(row, column) for column in SEALED)
    )
    _remember(url, secret)
    check_robot_url(url)
    return url, secret


def is_same(old: NotificationTarget, new: NotificationTarget) -> bool:
    """The same robot with the same secret and name?"""
    try:
        same = all(_open(old, column) == _open(new, column) for column in SEALED)
    except BifangError:  # sealed with a key that is lost: what is given now takes its place
        return False
    return same and (old.name, old.config_id) == (new.name, new.config_id)


def adopt(old: NotificationTarget, new: NotificationTarget) -> None:
    """Let a stored robot be what is wanted now."""
    for column in SEALED:
        value = _open(new, column)
        setattr(old, column, Sealed.of(value, place_of(NotificationTarget, column, old)) if value else None)
    old.name, old.config, old.conversation_id = new.name, new.config, new.conversation_id
    old.save()


def demand(grant: Grant, row: NotificationTarget) -> None:
    """May this robot be added, or be changed to this? Raises InvalidInput."""
    if grant == "none":
        raise InvalidInput(FORBIDDEN)
    if grant == "literal" and any(references.is_reference(_open(row, column)) for column in SEALED):
        raise InvalidInput(RESERVED)


def tell_change(rule: NotificationRule, news: list[str], actor: Actor) -> None:
    """Administrators hear of every robot that hears of alerts from now on: anyone may own one. In the transaction."""
    row: Any = rule.targets.filter(kind=TargetKind.WEBHOOK).order_by("-pk").first()
    if row is None or not news:
        return
    title = "通知规则的自定义机器人有变化"
    text = f"**{title}**\n\n- 规则：{rule.name}\n- 变化：{'；'.join(news)}\n- 操作人：{actor.name}\n\n如果这不是应有的改动，请到「通知规则」中删除它，并在群设置里停用这个机器人。"
    administrators.tell(row.config, title, text, key=f"robot:{uuid.uuid4().hex}")
