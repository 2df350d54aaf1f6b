"""An import that would change assets we know: it is told old → new, and the file waits until somebody has seen that."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.services.actors import Actor
from secops_agent.services.intake import jobs
from secops_agent.services.intake.merging import recognise
from secops_agent.services.people.logins import homes_of
from secops_agent.services.records import Key
from secops_agent.uploads.body import SMALL, Upload
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import import_later, import_now
from secops_agent.uploads.preview import FilePreview, foresee_in, look_into

_SALT: Final = "bifang.import"
MERGE: Final = "secops_agent.change_asset"
_KEPT_S: Final = 24 * 3600  # then `jobs.sweep` erases the file
_LONGEST_S: Final = 5.0  # of reading, while somebody waits for the page
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_GONE: Final = "要确认的文件已经不在了：已经导入过、放弃了，或超过一天。没有导入任何内容，请重新选择文件。"


@dataclass(frozen=True, slots=True)
class AskedImport:
    """``kept``: the file and the choices, signed for whoever sent it; ``lines``: all that it holds, then old → new, an asset a line;
    ``twins``: for each new asset that may be a known one, place and line of those that it can be said to be."""

    kept: str
    name: str
    number: int
    lines: tuple[str, ...]
    twins: tuple[tuple[tuple[int, str], ...], ...]


def ask(request: HttpRequest, upload: Upload, format_name: str, choices: Choices) -> AskedImport | None:
    """What must be seen before it is imported; None if it changes no asset that we know and leaves no doubt. Raises InvalidInput."""
    found = _foresee(request, upload, format_name, choices)
    return (
        _keep(request, upload, format_name, choices, found)
        if found.foresight.changed or found.doubts
        else None
    )


def _foresee(request: HttpRequest, upload: Upload, format_name: str, choices: Choices) -> FilePreview:
    return foresee_in(look_into(upload.source(), format_name, choices, _LONGEST_S), actor_of(request))


def _keep(
    request: HttpRequest, upload: Upload, format_name: str, choices: Choices, found: FilePreview
) -> AskedImport:
    """Keeps the file until somebody has decided."""
    twins = found.foresight.twins
    told = {
        "key": upload.keep(), "name": upload.name, "format": format_name, "choices": choices.as_dict(),
        "user": request.user.pk, "changed": found.foresight.changed,
        "twins": [(each.asset_id, each.name, [(key.kind, key.value) for key in each.keys]) for each in twins],
    }  # fmt: skip
    kept = signing.dumps(told, salt=_SALT, compress=True)
    may = request.user.has_perm(MERGE)
    named = enumerate(zip(twins, found.twins, strict=True))
    lines_of = [(place, line, each.name if may and each.keys else "") for place, (each, line) in named]
    lines = (
        f"文件里一共：{found.told}",
        *found.unused,
        *(f"不会导入的 {each}" for each in found.reasons),
        *found.altered,
        *(line for _, line, name in lines_of if not name),
        *found.unowned,
    )
    offered: dict[str, tuple[tuple[int, str], ...]] = {}
    for place, line, name in lines_of:
        if name:
            offered[name] = (*offered.get(name, ()), (place, line))
    return AskedImport(kept, upload.name, found.foresight.changed, lines, tuple(offered.values()))


def decide(request: HttpRequest) -> "int | AskedImport | None":
    """Import what was asked about, and give the number of its job; or erase it. POST ``same`` and ``same-1``…: places of new assets that are the
    known one; what that would change is asked about first. Raises InvalidInput, Forbidden, Conflict."""
    told = _read(request)
    path = jobs.directory() / told["key"]
    if not path.is_file():
        raise InvalidInput(_GONE)
    if "drop" in request.POST:
        path.unlink(missing_ok=True)
        return None
    same = {
        place for name, places in request.POST.lists() if name.startswith("same") for place in places if place
    }
    if same and not request.user.has_perm(MERGE):
        raise PermissionDenied
    for asset_id, name, keys in (
        each for place, each in enumerate(told.get("twins", ())) if str(place) in same
    ):
        recognise(asset_id, name, [Key(*key) for key in keys], actor_of(request), homes_of(request.user))
    return _import_kept(request, path, told, ask_again=bool(same))


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        told: dict[str, Any] = signing.loads(request.POST["kept"], salt=_SALT, max_age=_KEPT_S)
    except signing.BadSignature:
        raise InvalidInput(_GONE) from None
    if told["user"] != request.user.pk or not _KEY.fullmatch(told["key"]):
        raise InvalidInput(_GONE)
    return told


def _import_kept(
    request: HttpRequest, path: Path, told: dict[str, Any], *, ask_again: bool
) -> "int | AskedImport | None":
    done: int | AskedImport | None
    choices = Choices.from_dict(told["choices"])
    with path.open("rb") as file, Upload(told["name"]) as upload:
        upload.receive(iter(lambda: file.read(SMALL), b""))
        found = _foresee(request, upload, told["format"], choices) if ask_again else None
        if found and found.foresight.changed > told.get("changed", 0):
            done = _keep(request, upload, told["format"], choices, found)
        else:
            done = carry_out(told["format"], upload, choices, actor_of(request))
    path.unlink(missing_ok=True)
    return done


def carry_out(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> int | None:
    """Import now what is small, else as a job; its number. Raises InvalidInput."""
    if not upload.is_small:
        return import_later(format_name, upload, choices, actor).id
    return import_now(format_name, upload, choices, actor).job
