"""The three addresses of a configuration: ``/dingtalk/<id>-<secret>/{robot,events,cards}``."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from django.conf import settings

from bifang.core.configuration import configs
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import CallbackDoor
from dingtalk_integration.openapi.cards import CardCallback

PREFIX: Final = "/dingtalk/"
_PATH: Final = re.compile(r"([1-9][0-9]{0,8})-([A-Za-z0-9_-]{20,100})")


def address_of(config: DingTalkSettings, door: str) -> str:
    """Where DingTalk is to call; a path only while ``BIFANG_PUBLIC_URL`` is not set."""
    return f"{settings.PUBLIC_URL or ''}{PREFIX}{config.id}-{config.callback_path}/{door}"


def addresses_of(config: DingTalkSettings) -> Mapping[CallbackDoor, str]:
    """By door."""
    return {door: address_of(config, door) for door in CallbackDoor}


def find_config(path: str) -> DingTalkSettings | None:
    """The configuration behind a path; None if it receives nothing here: unknown, switched off, in Stream mode."""
    parts = _PATH.fullmatch(path)
    row = SystemConfig.objects.enabled("dingtalk").filter(pk=int(parts[1])).first() if parts else None
    if parts is None or row is None or row.params.get("use_stream_push", True):
        return None
    try:
        config: DingTalkSettings = configs.load(row)
    except BifangError:  # shown where configurations are shown
        return None
    known = bool(config.callback_path) and hmac.compare_digest(config.callback_path, parts[2])
    return config if known else None


def card_callback(config: DingTalkSettings) -> CardCallback | None:
    """Where clicks on this configuration's cards go; None for Stream."""
    if config.use_stream_push:
        return None
    url = address_of(config, CallbackDoor.CARDS) if settings.PUBLIC_URL else ""
    return CardCallback(
        url, f"bifang-{config.id}-{_mark(url, config.callback_path)}", config.callback_card_secret
    )


def _mark(url: str, path: str) -> str:
    """What tells one address from another. As it always was: what was sent under this name calls back with the new secret."""
    keyed = hmac.new(path.encode(), b"card callbacks", hashlib.sha256).hexdigest()
    return hashlib.sha256(f"{url}{keyed}".encode()).hexdigest()[:12]
