"""What people say about a file that they sent: which format it is, to which asset it belongs, or that they think better of it."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from bifang.channels.ports import Turn
from bifang.core.errors import InvalidInput
from bifang.core.rows import NewRow
from secops_agent.importers import registry
from secops_agent.models import Asset, ChatFile, FileQuestion
from secops_agent.services.people.staff import Person
from secops_agent.uploads.choices import ASSET_TYPES, Choices

LONGEST: Final = 250  # characters
KEPT: Final = timedelta(hours=24)
_DROP: Final = frozenset({"取消", "算了", "不导入", "不导入了", "不用了"})
_TYPED: Final = {
    "资产": "", "主机": "host", "镜像": "container_image", "容器镜像": "container_image", "仓库": "repository",
    "代码仓库": "repository", "网站": "website", "网址": "website", "应用": "application",
}  # fmt: skip
_NAMED: Final = re.compile(rf"(?P<type>{'|'.join(_TYPED)})[ :：\s]\s*(?P<name>\S.{{0,200}})")
_BARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,200}")
# What people look up, and is no name of an asset.
_ELSE: Final = re.compile(r"(?i:CVE|GHSA|CNVD)-.*|[Aa]\d+|#?\d{1,4}")
_RECENT: Final = 40  # rows of one person in one conversation


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """``word`` is the whole message where it is one word; ``asset`` with ``asset_type`` ("": not said) what it names."""

    word: str = ""
    asset: str = ""
    asset_type: str = ""
    format: str = ""
    drop: bool = False


def read_answer(text: str) -> FileAnswer | None:
    """What a message may say about a file; None for a sentence."""
    text = text.strip().strip("。.「」")
    if not text or len(text) > LONGEST or "\n" in text:
        return None
    if text in _DROP:
        return FileAnswer(drop=True)
    named = _NAMED.fullmatch(text)
    if named is not None:
        return FileAnswer(asset=named["name"].strip(), asset_type=_TYPED[named["type"]])
    if not _BARE.fullmatch(text):
        return None
    return FileAnswer(word=text, asset="" if _ELSE.fullmatch(text) else text)


def fitting(answer: FileAnswer, row: ChatFile) -> FileAnswer | None:
    """The answer, if it is one to what was asked; with its format spelled as we do."""
    if answer.drop:
        return answer
    if row.asks == FileQuestion.ASSET:
        return answer if answer.asset else None
    names = {name.lower(): name for name in row.candidates}
    numbers = {str(number): name for number, name in enumerate(row.candidates, 1)}
    chosen = names.get(answer.word.lower()) or numbers.get(answer.word)
    return FileAnswer(format=chosen) if chosen in registry.NAMES else None


def open_question(turn: Turn, person: Person) -> ChatFile | None:
    """The newest file of this person here about which something is still asked. On a database thread."""
    rows = ChatFile.objects.filter(
        config_id=turn.config_id, conversation_id=turn.conversation_id, corp_id=person.corp_id,
        staff_id=person.staff_id, at__gt=timezone.now() - KEPT,
    ).order_by("-id")[:_RECENT]  # fmt: skip
    newest: dict[str, ChatFile] = {}
    for row in rows:
        newest.setdefault(row.file, row)
    return next((row for row in newest.values() if row.asks), None)


def stored(row: ChatFile, **changes: Any) -> NewRow:
    """How things stand after this turn: one more row."""
    values = {field.attname: getattr(row, field.attname) for field in ChatFile._meta.concrete_fields}
    return NewRow(ChatFile, {**values, "asks": "", "candidates": [], **changes, "at": timezone.now()})


def asset_of(answer: FileAnswer) -> Choices:
    """One that we know by this name, else one of the type that was said or that the name looks like. Raises InvalidInput."""
    known = Asset.objects.filter(name__iexact=answer.asset).order_by("pk").first()
    kind = answer.asset_type or (known.asset_type if known and known.asset_type in ASSET_TYPES else "")
    name = known.name if known is not None and kind == known.asset_type else answer.asset
    choices = Choices(asset=name, asset_type=kind or _guess(answer.asset))
    try:
        choices.options()
    except InvalidInput:
        raise InvalidInput(
            f"「{answer.asset[:60]}」不能识别为资产。请写主机名、镜像名、仓库地址或网址，例如 web-01；或写「应用 名称」。"
        ) from None
    return choices


def _guess(name: str) -> str:
    if (
        name.endswith(".git")
        or name.startswith("git@")
        or re.match(r"https?://(github|gitlab|gitee)\.", name)
    ):
        return "repository"
    if name.startswith(("http://", "https://")):
        return "website"
    if "/" in name or re.fullmatch(r"[^:]+:[A-Za-z][\w.-]*|[^:]+:\d+\.[\w.-]+", name):
        return "container_image"
    return "host" if name.isascii() else "application"
