"""How a kind of configuration looks in the admin; the application of the kind says it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, badge, moment, shortened
from bifang.core.kinds import Kind
from bifang.core.models import SystemConfig


@dataclass(frozen=True, slots=True)
class Live:
    """What a configuration is doing right now. ``tone``: ok, info, warn, bad, idle."""

    text: str
    tone: str
    detail: str = ""
    error: str = ""
    error_at: datetime | None = None

    @property
    def state(self) -> SafeString:
        """The badge and what is beside it; the page's script puts in a newer one."""
        return format_html('{}<span class="bf-note">{}</span>', badge(self.text, self.tone), self.detail)

    @property
    def problem(self) -> SafeString | str:
        """The newest error and its time."""
        return problem(self.error, self.error_at)


def problem(text: str, at: datetime | None) -> SafeString | str:
    """An error and its time, short."""
    if not text:
        return NOTHING
    return format_html('<span class="bf-error">{}</span>{}', shortened(text, 80), moment(at))


Watch = Callable[[Sequence[SystemConfig]], Mapping[int, Live]]


@dataclass(frozen=True, slots=True)
class Face:
    """Symbol (Material Symbols), one sentence for the choice of a kind, the live state if it has one, place in the choice."""

    icon: str = "tune"
    sentence: str = ""
    watch: Watch | None = None
    place: int = 99


_faces: dict[str, Face] = {}


def register_face(kind: str, face: Face) -> None:
    """Called when the application's admin is loaded."""
    _faces[kind] = face


def face_of(kind: Kind) -> Face:
    """The registered face, else a plain one that names the required fields."""
    if kind.name in _faces:
        return _faces[kind.name]
    required = "、".join(field.label for field in kind.fields if field.required)
    return Face(sentence=f"需要填写：{required}。" if required else "")


def watched_kinds() -> tuple[str, ...]:
    """Names of the kinds that have a live state."""
    return tuple(name for name, face in _faces.items() if face.watch is not None)


def look(configs: Iterable[SystemConfig]) -> dict[int, Live]:
    """Configuration id → live state, for those whose kind has one; one look per kind."""
    by_kind: dict[str, list[SystemConfig]] = {}
    for config in configs:
        by_kind.setdefault(config.kind, []).append(config)
    states: dict[int, Live] = {}
    for kind, group in by_kind.items():
        face = _faces.get(kind)
        if face is not None and face.watch is not None:
            states.update(face.watch(group))
    return states


def as_wire(live: Live) -> dict[str, str]:
    """For the page's script: both as they stand on the page, so that one never outlives the other."""
    return {"state": str(live.state), "problem": str(live.problem)}
