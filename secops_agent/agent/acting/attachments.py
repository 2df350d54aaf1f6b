"""Attachments: a file that somebody sends is fetched once, read, shown, and imported only when they confirm it.

What is still to be asked (which format, which asset) stands in rows that are stored with the turn, so that a turn
which is run again asks the same. The file lies in the staging directory under a key of its message.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from bifang.channels.ports import Button, ReplySink, Suggestion, Turn
from bifang.channels.text.markup import plain
from bifang.core.database import db
from bifang.core.database.rows import NewRow
from bifang.core.errors import BifangError, InvalidInput, RemoteError
from secops_agent import says
from secops_agent.agent.acting import skill_offers
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.importers.language.drafts import draft_of
from secops_agent.importers.language.words import LABELS
from secops_agent.models import Asset, ChatFile, FileQuestion, ImportJob, JobState, Role
from secops_agent.services import links
from secops_agent.services.decisions.proposals import IMPORT, Proposals
from secops_agent.services.intake import jobs
from secops_agent.services.people.staff import Person
from secops_agent.tools.operations import skill_files
from secops_agent.tools.operations.files import DEFINITION, GONE
from secops_agent.uploads.arrivals import Arrival, ArrivedFile
from secops_agent.uploads.body import LARGEST
from secops_agent.uploads.choices import ASSET_TYPES, Choices
from secops_agent.uploads.preview import FilePreview, foreign_by_name, foresee_in, formats_of, look
from secops_agent.uploads.tables import sample_code

# What people say about a file that they sent: which format it is, to which asset it belongs, or that they think better of it.

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
    return FileAnswer(format=chosen) if chosen and chosen in registry.importers() else None


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


# Without its name, which somebody else may have given it: what is remembered here counts as the sender's own words.
SAID: Final = "（发来一个文件）"
RESEND: Final = "没有导入任何内容，请重新发送一次文件。"
DROPPED: Final = "好的，文件「{name}」不导入了。"
REMEMBERED: Final = timedelta(days=30)  # for so long it is said that the same file came before
TYPES: Final = {
    "host": "主机", "container_image": "容器镜像", "repository": "代码仓库", "website": "网站", "application": "应用",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. ``download`` gives it to a function piece by piece, up to so many bytes; raises BifangError."""

    name: str
    download: Callable[[Callable[[bytes], object], int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """What is answered. ``said`` is what the conversation remembers of the message."""

    said: str
    text: str
    rows: tuple[NewRow, ...] = ()
    buttons: tuple[Button, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


async def receive(
    attachment: Attachment | None, turn: Turn, person: Person, proposals: Proposals, sink: ReplySink
) -> Received | None:
    """The answer to a file, or to what was asked about one; None if the message is neither."""
    if attachment is None:
        return await _answered(turn, person, proposals)
    said = SAID
    if not person.may(Role.ANALYST):
        return Received(said, _role_refusal(attachment.name, person))
    foreign = foreign_by_name(attachment.name)
    if foreign:
        return Received(said, f"「{attachment.name}」是{foreign}。没有下载，也没有导入任何内容。")
    sink.progress("正在下载文件")
    try:
        arrived = await _fetch(attachment, turn)
        sink.progress("正在读取文件")
        row = _row(turn, person, attachment.name, arrived)
        if await asyncio.to_thread(skill_offers.holds_skills, arrived.path):
            return await _skills(said, row, arrived.path, proposals)
        await db.call(
            registry.importers
        )  # tables that people have written are looked up on a database thread
        formats = await asyncio.to_thread(formats_of, arrived.path, row.name)
        return await _considered(said, row, formats, proposals)
    except registry.UnknownFormat as error:
        offer = await asyncio.to_thread(_table_offer, arrived.path, row, person)
        return Received(said, _failure(plain(attachment.name, 100), error) + offer)
    except BifangError as error:
        return Received(said, _failure(plain(attachment.name, 100), error))


def _table_offer(path: Path, row: ChatFile, person: Person) -> str:
    """That a format can be written from the file, for those who may do so; "" where nothing can be read from it."""
    if not person.may(Role.APPROVER):
        return ""
    try:
        draft = draft_of(Source(row.name, path=path))
    except InvalidInput:
        return ""
    known = [LABELS[key.field] for key in draft.keys if key.field in LABELS]
    address = f"{links.listing('formattable')}add/?sample={sample_code(row.file, row.name, None)}"
    way = links.page("照它写一个接入", address) or "在网页「设置 → 接入」里上传同一份样例，写一个接入"
    shown = f"，看得出{'、'.join(dict.fromkeys(known))}" if known else ""
    return f"\n\n认不出格式的日志可以照样例写一个接入：这份有 {len(draft.keys)} 个键{shown}。{way}（管理员启用后生效，不用重启）。"


async def _skills(said: str, row: ChatFile, path: Path, proposals: Proposals) -> Received:
    found = await asyncio.to_thread(skill_files.read, path)
    text = await db.call_apart(skill_offers.offer, row.file, row.name, found, proposals)
    return Received(said, text, proposals.rows, proposals.buttons, proposals.suggestions(text))


def _role_refusal(name: str, person: Person) -> str:
    return (
        f"「{name}」没有下载：导入文件需要「{DEFINITION.role.label}」角色，您现在的角色是「{person.role.label}」。"
        "需要的话请联系管理员调整角色。"
    )


def _failure(name: str, error: BifangError) -> str:
    """Says the name of the file once: what is said of the content begins with it."""
    words = _words(error)
    return (
        f"「{name}」{words.removeprefix(name).lstrip()}" if words.startswith(name) else f"「{name}」：{words}"
    )


def _words(error: BifangError) -> str:
    if isinstance(error, RemoteError) and error.code == "too_large":
        return (
            f"文件超过 {LARGEST >> 20} MiB 的上限，没有接收。请拆分后再发，或在服务器上用 import_data 导入。"
        )
    if isinstance(error, InvalidInput):
        return f"{error.message}没有导入任何内容。"
    return f"没有下载下来（{error.message}）{RESEND}"


async def _fetch(attachment: Attachment, turn: Turn) -> ArrivedFile:
    """What is there already is not fetched again."""
    arrival = Arrival(f"chat-{turn.inbox_id}")
    earlier = await asyncio.to_thread(arrival.earlier)
    if earlier is not None:
        return earlier
    try:
        await attachment.download(arrival.take, LARGEST)
        return await asyncio.to_thread(arrival.keep)
    except BaseException:
        arrival.abandon()
        raise


def _row(turn: Turn, person: Person, name: str, arrived: ArrivedFile) -> ChatFile:
    return ChatFile(
        config_id=turn.config_id, conversation_id=turn.conversation_id, corp_id=person.corp_id,
        staff_id=person.staff_id, file=arrived.key, name=plain(name, 100), size=arrived.size, digest=arrived.digest,
        at=timezone.now(),
    )  # fmt: skip


async def _answered(turn: Turn, person: Person, proposals: Proposals) -> Received | None:
    """What somebody says about the file that waits for it."""
    answer = read_answer(turn.text)
    row = await db.call(open_question, turn, person) if answer else None
    given = fitting(answer, row) if answer and row else None
    if given is None or row is None:
        return None
    if given.drop:
        with suppress(FileNotFoundError):
            (jobs.directory() / row.file).unlink()
        closed = stored(row, asks=FileQuestion.NONE)
        return Received(turn.text, DROPPED.format(name=row.name), (closed,))
    if not (jobs.directory() / row.file).is_file():
        return Received(turn.text, GONE, (stored(row, asks=FileQuestion.NONE),))
    try:
        return await _continued(turn.text, row, given, proposals)
    except BifangError as error:
        return Received(turn.text, _failure(row.name, error))


async def _continued(said: str, row: ChatFile, given: FileAnswer, proposals: Proposals) -> Received:
    if row.asks == FileQuestion.FORMAT:
        return await _considered(said, row, [given.format], proposals)
    choices = await db.call(asset_of, given)
    return await _proposed(said, row, row.format, choices, proposals)


async def _considered(said: str, row: ChatFile, formats: list[str], proposals: Proposals) -> Received:
    """What the file is: certain, or to be asked."""
    if len(formats) == 1:
        return await _proposed(said, row, formats[0], Choices(), proposals)
    listed = "\n".join(
        f"{number}. {name}（{registry.get(name).title}）" for number, name in enumerate(formats, 1)
    )
    text = (
        f"收到文件「{row.name}」（{_size(row.size)}），不能确定是什么格式，可能是：\n\n{listed}\n\n"
        f"请回复格式的名称或序号；不导入就回复「{says.withdraw()}」。没有导入任何内容。"
    )
    return Received(said, text, (stored(row, asks=FileQuestion.FORMAT, candidates=formats),))


async def _proposed(
    said: str, row: ChatFile, format_name: str, choices: Choices, proposals: Proposals
) -> Received:
    """What it holds, and the code to confirm; or the question to which asset it belongs."""
    path = jobs.directory() / row.file
    found = await asyncio.to_thread(look, path, row.name, format_name, choices)
    head = (
        f"收到文件「{row.name}」（{_size(row.size)}）：{registry.get(format_name).title}（{format_name}）。"
    )
    holds = f"{head}\n\n里面有：{found.told}。"
    if found.homeless and not choices.asset:
        text = (
            f"{holds}\n\n文件里没有写明属于哪个资产（{found.homeless} 条）。请回复资产的名称：主机名、IP、镜像、仓库地址或网址；"
            f"中文名称请写「{says.asset(says.NAME)}」。不导入就回复「{says.withdraw()}」。没有导入任何内容。"
        )
        asked = stored(row, format=format_name, asks=FileQuestion.ASSET)
        return Received(said, text, (asked,))
    if not sum(found.counts.values()):
        return Received(said, f"{holds}没有什么可以导入。", (stored(row, asks=FileQuestion.NONE),))
    await asyncio.to_thread(_keep_a_day, path)
    return await db.call(_offer, said, head, row, found, choices, proposals)


def _keep_a_day(path: Path) -> None:
    """From now on: as long as the proposal can be confirmed."""
    os.utime(path)


def _offer(
    said: str, head: str, row: ChatFile, found: FilePreview, choices: Choices, proposals: Proposals
) -> Received:
    arguments = {
        "key": row.file, "name": row.name, "format": found.format, "size": row.size, "digest": row.digest,
        "asset": choices.asset, "asset_type": choices.asset_type,
    }  # fmt: skip
    whose = f"，资产 {found.whose}" if found.assets else ""
    lists = f"，放进情报清单「{plain('、'.join(found.lists), 80)}」" if found.lists else ""
    new = f"（按您写的「{plain(choices.asset, 100)}」，{TYPES[choices.asset_type]}）" if choices.asset else ""
    summary = f"导入文件「{row.name}」（{found.format}）：{found.told}{whose}{new}{lists}。"
    code = proposals.propose(IMPORT, DEFINITION.title, "write", arguments, summary)
    parts = [
        head,
        f"前 {len(found.shown)} 条：\n\n" + "\n".join(f"- {line}" for line in found.shown),
        *_left_out(found),
        *_altered(foresee_in(found, proposals.actor)),
        *_earlier(row),
        f"**{DEFINITION.title}**（{code}，尚未执行）",
        summary,
        f"请本人在 24 小时内回复「{says.confirm(code)}」后导入；不导入就回复「{says.reject(code)}」。",
    ]
    text = "\n\n".join(parts)
    closed = stored(row, format=found.format, asks=FileQuestion.NONE)
    return Received(said, text, (closed, *proposals.rows), proposals.buttons, proposals.suggestions(text))


def _left_out(found: FilePreview) -> list[str]:
    """Why records are not taken and which columns are not used, told before anybody confirms."""
    if not found.rejected:
        return found.unused
    rest = found.rejected - len(found.reasons)
    more = f"\n- 另有 {rest} 条，导入以后作为文件发给您" if rest else ""
    return [*found.unused, "不会导入的：\n\n" + "\n".join(f"- {reason}" for reason in found.reasons) + more]


def _altered(found: FilePreview) -> list[str]:
    """What becomes of assets that are known, told before anybody confirms. On a database thread."""
    number = found.foresight.changed
    if not number:
        return found.doubts
    lines = "\n".join(f"- {line}" for line in found.altered)
    return [f"会改动已有的 {number} 个资产（原来 → 导入后）：\n\n{lines}", *found.doubts]


def _earlier(row: ChatFile) -> list[str]:
    """That the very same file was imported before. On a database thread."""
    known = ImportJob.objects.filter(digest=row.digest, created_at__gt=timezone.now() - REMEMBERED)
    done = known.filter(state=JobState.DONE).order_by("-pk").first()
    if done is None:
        return []
    at = timezone.localtime(done.finished_at or done.created_at)
    who = plain(done.actor_name, 40)
    return [f"一模一样的文件 {at:%m-%d %H:%M} 已经由 {who} 导入过（导入任务 {done.pk}），再导入不会重复。"]


def _size(size: int) -> str:
    if size < 1 << 10:
        return f"{size} 字节"
    return f"{size / (1 << 10):.0f} KB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MB"
