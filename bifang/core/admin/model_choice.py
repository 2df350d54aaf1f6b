"""换模型: which model answers in each chat configuration, how it stands, and another one at a click."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from bifang.core.admin import kind_pages
from bifang.core.admin.dashboard import named
from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.configuration.kinds import get_kind
from bifang.core.models import SystemConfig

_LINK: Final = "ai_config"  # the field that says which
OFFLINE: Final = "离线模式"
SECTION: Final = "AI配置"  # where models stand among the kinds of configurations


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that a chat configuration could ask; ``fallback``: it asks this one second. ``live``: how it stands."""

    config: SystemConfig
    live: kind_pages.Live | None
    chosen: bool
    fallback: bool

    @property
    def model(self) -> str:
        """The name of the model itself."""
        return str(self.config.params.get("model") or "还没有选择模型")


def chats() -> list[SystemConfig]:
    """The chat configurations that ask a model."""
    rows = SystemConfig.objects.chats().select_related("ai_config", "ai_fallback")
    return [row for row in rows if _LINK in get_kind(row.kind).fields]


def choices() -> Iterator[tuple[SystemConfig, list[ModelChoice]]]:
    """Each chat configuration with every model that it could ask."""
    for chat in chats():
        rows = list(_models(chat))
        states = kind_pages.look(rows)
        yield (
            chat,
            [
                ModelChoice(
                    row, states.get(row.pk), row.pk == chat.ai_config_id, row.pk == chat.ai_fallback_id
                )
                for row in rows
            ],
        )


def _models(chat: SystemConfig) -> QuerySet[SystemConfig]:
    found: QuerySet[SystemConfig] = cast(Any, get_kind(chat.kind).fields[_LINK]).queryset.all()
    return found


def choose(chat_id: int, model_id: int | None, author: Author) -> tuple[SystemConfig, SystemConfig | None]:
    """Ask this model from now on, None: none; returns both. Raises FieldErrors, SystemConfig.DoesNotExist."""
    with transaction.atomic():
        chat = SystemConfig.objects.chats().select_for_update().get(pk=chat_id)
        model = _models(chat).get(pk=model_id, enabled=True) if model_id else None
        configs.save(chat.kind, chat.name, chat.enabled, {_LINK: model}, config=chat, author=author)
    return chat, model


def model_state(request: HttpRequest) -> tuple[str, str]:
    """For the cards: which model answers, and the tone; what fails or is switched off stands first."""
    asked = [chat.ai_config for chat in chats() if chat.enabled]
    bad = [each.name for each in asked if each and (each.last_error or not each.enabled)]
    if bad:
        return f"不正常：{named(list(dict.fromkeys(bad)))}", "bad"
    names = list(dict.fromkeys(each.name if each else OFFLINE for each in asked))
    return (named(names) or "还没有聊天配置", "ok" if any(asked) else "idle")
