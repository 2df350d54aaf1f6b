"""What is kept when a check fails: the rows concerned, what stands open, the last lines of every log; bounded."""

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.db.models import Model, QuerySet

from bifang.channels.models import OPEN, InboxRow, OutboxRow, State
from secops_agent.models import Alert, BrokerLetter
from secops_agent.models.alerting.notification import AlertMessage
from tests.chaos.house import House
from tests.chaos.load import Load
from tests.chaos.verdict import NOT_SHOWN, Line, concerned

ROWS, LINES, WIDTH = 200, 300, 2000  # rows of a table, lines of a log, characters of a value


def keep(house: House, load: Load, lines: Iterable[Line]) -> Path:
    """The folder that it is in; the database and the logs are still there. Stands until somebody removes it."""
    place = Path(tempfile.mkdtemp(prefix="bifang-chaos-found-"))
    (place / "verdict.txt").write_text(
        "".join(f"{'✓' if ok else '✗'} {what}：{how}\n" for what, how, ok in lines)
    )
    stored = set(Alert.objects.values_list("title", flat=True))
    (place / "lost.txt").write_text("".join(f"{title}\n" for title in load.titles if title not in stored))
    for name, rows in _tables(house, load).items():
        _write(place / f"{name}.jsonl", rows)
    for log in [*house.home.rglob("*.log"), *house.home.glob("*.out")]:
        if "earlier" not in log.parts:
            kept = place / "_".join(log.relative_to(house.home).parts)
            kept.write_text("\n".join(tail(log, LINES)), encoding="utf-8")
    return place


def _tables(house: House, load: Load) -> "dict[str, QuerySet[Any]]":
    questions = InboxRow.objects.filter(external_id__in=concerned(house, load))
    received = questions | InboxRow.objects.filter(state__in=[*OPEN, State.DEAD])
    return {
        "inbox": received,
        "outbox": OutboxRow.objects.filter(inbox__in=questions.values("pk"))
        | OutboxRow.objects.filter(state__in=[*OPEN, State.DEAD]),
        "alerts": Alert.objects.filter(count__gt=1) | Alert.objects.exclude(status="open"),
        "messages": AlertMessage.objects.filter(state__in=NOT_SHOWN),
        "letters": BrokerLetter.objects.all(),
    }


def _write(file: Path, rows: "QuerySet[Model]") -> None:
    """The newest, a line each."""
    with file.open("w", encoding="utf-8") as out:
        for row in rows.order_by("-pk").values()[:ROWS]:
            out.write(
                json.dumps({name: _short(value) for name, value in row.items()}, ensure_ascii=False) + "\n"
            )


def _short(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else str(value)[:WIDTH]


def tail(file: Path, lines: int) -> Sequence[str]:
    """Its last lines."""
    with file.open("rb") as source:
        source.seek(max(file.stat().st_size - lines * WIDTH, 0))
        return source.read().decode("utf-8", "replace").splitlines()[-lines:]
