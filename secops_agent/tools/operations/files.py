"""import_file: import what somebody sent to the conversation. Proposed by code that has read the file, never by a model."""

import re
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.proposals import IMPORT
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import NotFound
from secops_agent.services.intake import jobs
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.uploads.choices import Choices

_KEY: Final = re.compile(r"chat-[0-9]{1,19}")
GONE: Final = "文件已经不在：没有导入的文件只保留 24 小时，或它在另一台机器上。请重新发送文件。"


class ImportedFile(Arguments):
    """What is stored with the proposal; ``key`` is the file's name in the staging directory."""

    key: str = argument("文件")
    name: str = argument("文件名")
    format: str = argument("格式")
    size: int = argument("大小", minimum=1)
    digest: str = argument("SHA-256", max_length=64)
    asset: str = argument("资产", default="")
    asset_type: str = argument("资产类型", default="host")


def choices_of(given: ImportedFile) -> Choices:
    """As the importer takes them."""
    return Choices(asset=given.asset, asset_type=given.asset_type)


def check(given: ImportedFile, person: Person | None) -> ValidatedAction:
    """Raises InvalidInput for an unknown format, an asset that is none, a file that is gone."""
    registry.get(given.format)
    choices_of(given).options()
    if not _KEY.fullmatch(given.key) or not (jobs.directory() / given.key).is_file():
        raise NotFound(GONE)
    return ValidatedAction(given.model_dump(), f"导入文件「{plain(given.name, 100)}」（{given.format}）")


def start(given: ImportedFile, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: queued, and told in the conversation when it is over."""
    if origin.inbox_id is None:
        raise InvalidInput("这个文件不是从会话里来的，没有导入。")
    job = jobs.submit(
        given.format, given.name, given.key, size=given.size, digest=given.digest,
        options=choices_of(given).as_dict(), actor=actor, inbox_id=origin.inbox_id,
    )  # fmt: skip
    return f"开始导入「{plain(given.name, 100)}」（导入任务 {job.id}），结果会发到这里。"


DEFINITION: Final[ToolDefinition] = action(
    IMPORT,
    "导入文件",
    "导入会话里收到的文件。",
    "write",
    ImportedFile,
    check,
    act_there=start,
)
