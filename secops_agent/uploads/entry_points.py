"""The two ways in: at once, or as a job."""

import hashlib
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest, jobs, repeats
from secops_agent.services.intake.ingest import ImportOutcome
from secops_agent.services.intake.jobs import JobView
from secops_agent.uploads.body import Upload
from secops_agent.uploads.choices import Choices

_TINY = 64 << 10
_turn = threading.Lock()
EVENTS = frozenset({"alertmanager", "falco", "suricata", "wazuh"})


@dataclass(frozen=True, slots=True)
class Done:
    """What an import in this request came to; ``job`` is its row in the history, if it left one."""

    outcome: ImportOutcome
    job: int | None


def import_now(
    format_name: str, upload: Upload, choices: Choices, actor: Actor, *, keep: bool = False
) -> Done:
    """Read and write, in this request, and leave a row in the history. Raises InvalidInput.

    An event that was taken whole leaves none unless ``keep``: webhooks come by the hundred a second.
    """
    note = partial(
        jobs.note, format_name, upload.name, size=upload.size, digest=upload.digest, options=choices.as_dict(), actor=actor
    )  # fmt: skip
    started = timezone.now()
    try:
        outcome = _import(format_name, upload, choices, actor)
    except InvalidInput as error:
        note(started=started, outcome={}, error=error.message)
        raise
    if not keep and format_name in EVENTS and not outcome.rejected:
        return Done(outcome, None)
    job = note(started=started, outcome=outcome.as_dict(format_name), error=outcome.refusal)
    return Done(outcome, job.id)


def _import(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> ImportOutcome:
    items = registry.parse(format_name, upload.source(), choices.options())
    digest = _run_digest(format_name, upload, choices)
    # Threads of one process gain nothing from writing at the same time: on SQLite they would only wait for each
    # other's lock in growing steps, and a webhook's storing takes a few milliseconds.
    with _turn if upload.size <= _TINY else nullcontext():
        return ingest.store(items, actor, label=upload.name or format_name, digest=digest)


def import_later(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> JobView:
    """Keep the file and queue a job. Raises InvalidInput for a file that is not of the format at all."""
    choices.options()
    _check_beginning(format_name, upload.source(), choices)
    repeats.prune()
    jobs.prune()
    return jobs.submit(
        format_name, upload.name, upload.keep(), size=upload.size, digest=upload.digest,
        options=choices.as_dict(), actor=actor,
    )  # fmt: skip


def _check_beginning(format_name: str, source: Source, choices: Choices) -> None:
    """Whoever sends the wrong file hears it now, not from a job."""
    options = choices.options()
    importer = registry.get(format_name)
    if importer.sniff(source.head(options.limits)) < 0.5:
        next(registry.parse(format_name, source, options), None)


def _run_digest(format_name: str, upload: Upload, choices: Choices) -> str:
    """Events carry their own times: a row for each webhook would be kept for nothing."""
    return "" if format_name in EVENTS else import_digest(upload.digest, choices)


def import_digest(digest: str, choices: Choices) -> str:
    """The same file with other choices is another import."""
    said = "|".join(f"{key}={value}" for key, value in sorted(choices.as_dict().items()))
    return hashlib.sha256(f"{digest}|{said}".encode()).hexdigest()
