"""An import that would change assets we know: it is told old → new, and the file waits until somebody has seen that."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.core import signing
from django.http import HttpRequest

from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.services.actors import Actor
from secops_agent.services.intake import jobs
from secops_agent.uploads.body import SMALL, Upload
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import import_later, import_now
from secops_agent.uploads.preview import foresee_in, look_into

_SALT: Final = "bifang.import"
_KEPT_S: Final = 24 * 3600  # then `jobs.sweep` erases the file
_LONGEST_S: Final = 5.0  # of reading, while somebody waits for the page
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_GONE: Final = "要确认的文件已经不在了：已经导入过、放弃了，或超过一天。没有导入任何内容，请重新选择文件。"


@dataclass(frozen=True, slots=True)
class AskedImport:
    """``kept``: the file and the choices, signed for whoever sent it; ``lines``: all that it holds, then old → new, an asset a line."""

    kept: str
    name: str
    number: int
    lines: tuple[str, ...]


def ask(request: HttpRequest, upload: Upload, format_name: str, choices: Choices) -> AskedImport | None:
    """What must be seen before it is imported; None if it changes no asset that we know and leaves no doubt. Raises InvalidInput."""
    found = foresee_in(look_into(upload.source(), format_name, choices, _LONGEST_S), actor_of(request))
    if not found.foresight.changed and not found.doubts:
        return None
    told = {
        "key": upload.keep(), "name": upload.name, "format": format_name, "choices": choices.as_dict(),
        "user": request.user.pk,
    }  # fmt: skip
    kept = signing.dumps(told, salt=_SALT)
    lines = (
        f"文件里一共：{found.told}",
        *found.unused,
        *(f"不会导入的 {each}" for each in found.reasons),
        *found.altered,
        *found.doubts,
    )
    return AskedImport(kept, upload.name, found.foresight.changed, lines)


def decide(request: HttpRequest) -> int | None:
    """Import what was asked about, and give the number of its job; or erase it. Raises InvalidInput."""
    told = _read(request)
    path = jobs.directory() / told["key"]
    if not path.is_file():
        raise InvalidInput(_GONE)
    if "drop" in request.POST:
        path.unlink(missing_ok=True)
        return None
    return _import_kept(path, told, actor_of(request))


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        told: dict[str, Any] = signing.loads(request.POST["kept"], salt=_SALT, max_age=_KEPT_S)
    except signing.BadSignature:
        raise InvalidInput(_GONE) from None
    if told["user"] != request.user.pk or not _KEY.fullmatch(told["key"]):
        raise InvalidInput(_GONE)
    return told


def _import_kept(path: Path, told: dict[str, Any], actor: Actor) -> int | None:
    with path.open("rb") as file, Upload(told["name"]) as upload:
        upload.receive(iter(lambda: file.read(SMALL), b""))
        job = carry_out(told["format"], upload, Choices.from_dict(told["choices"]), actor)
    path.unlink(missing_ok=True)
    return job


def carry_out(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> int | None:
    """Import now what is small, else as a job; its number. Raises InvalidInput."""
    if not upload.is_small:
        return import_later(format_name, upload, choices, actor).id
    return import_now(format_name, upload, choices, actor).job
