"""Destinations of configurations: where they send to, and how the company's models stand."""

from dataclasses import dataclass
from datetime import datetime

from bifang import env
from bifang.core.models import SystemConfig
from bifang.core.outbound.airgap import Whereabouts, whereabouts
from secops_agent.config import MODEL_KINDS
from secops_agent.llm.qwen import OFFICIAL_URL

LEAVES = {"yes": "数据离开公司", "no": "数据留在公司", "unknown": "去向不明"}


@dataclass(frozen=True, slots=True)
class ModelStanding:
    """An enabled configuration of a model. ``error`` and ``place`` hold addresses: not for everybody."""

    name: str
    model: str
    place: Whereabouts
    error: str
    error_at: datetime | None


def destination_of(config: SystemConfig) -> Whereabouts:
    """Where it sends to; looks a name up, for a second at most. Where a program connects to only the operator knows."""
    if command := config.params.get("command"):
        return Whereabouts(str(command[0]), "no" if config.params.get("airgapped_ok") else "unknown")
    given = config.params.get("base_url") or config.params.get("url")
    return whereabouts(str(given or env.text("DASHSCOPE_HTTP_BASE_URL") or OFFICIAL_URL))


def read_models() -> tuple[ModelStanding, ...]:
    """The enabled ones."""
    rows = SystemConfig.objects.current().filter(enabled=True, kind__in=MODEL_KINDS).order_by("id")
    return tuple(
        ModelStanding(
            row.name,
            str(row.params.get("model") or ""),
            destination_of(row),
            row.last_error,
            row.last_error_at,
        )
        for row in rows
    )
