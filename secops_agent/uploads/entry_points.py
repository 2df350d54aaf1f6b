"""The two ways in: at once, or as a job."""

import hashlib
import threading
from contextlib import nullcontext
from dataclasses import dataclass

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import detection_rules
from secops_agent.services.intake import ingest, jobs, repeats
from secops_agent.services.intake.ingest import ImportOutcome
from secops_agent.services.intake.jobs import JobView
from secops_agent.services.intake.receipts import EVENTS, Receipt
from secops_agent.uploads.body import Upload
from secops_agent.uploads.choices import Choices

_TINY = 64 << 10
_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Done:
    """What an import in this request came to; ``job`` is its row in the history, if it left one."""

    outcome: ImportOutcome
    job: int | None


def import_now(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> Done:
    """Read and write, in this request, and leave a row in the history. Raises InvalidInput, Forbidden."""
    receipt = Receipt(format_name, upload.name, upload.size, upload.digest, choices.as_dict(), actor)
    try:
        choices = choices.spoken_by(actor)
        receipt.options = choices.as_dict()
        outcome = _import(format_name, upload, choices, actor, receipt)
    except InvalidInput as error:
        receipt.refuse(error.message)
        raise
    receipt.keep(outcome)
    return Done(outcome, receipt.job)


def _import(
    format_name: str, upload: Upload, choices: Choices, actor: Actor, receipt: Receipt
) -> ImportOutcome:
    items = registry.parse(format_name, upload.source(), choices.options())
    digest = _run_digest(format_name, upload, choices)
    # A webhook's row is one statement more of the transaction that it has; a file's counts are known at its end only.
    keep = receipt.keep if format_name in EVENTS else None
    # Threads of one process gain nothing from writing at the same time: on SQLite they would only wait for each
    # other's lock in growing steps, and a webhook's storing takes a few milliseconds.
    with _turn if upload.size <= _TINY else nullcontext():
        return ingest.store(items, actor, digest=digest, keep=keep)


def import_later(format_name: str, upload: Upload, choices: Choices, actor: Actor) -> JobView:
    """Keep the file and queue a job. Raises InvalidInput for a file that is not of the format at all, Forbidden."""
    choices = choices.spoken_by(actor)
    choices.options()
    _check_beginning(format_name, upload.source(), choices)
    repeats.prune()
    jobs.prune()
    return jobs.submit(
        format_name, upload.name, upload.keep(), size=upload.size, digest=upload.digest,
        options=choices.as_dict(), actor=actor,
    )  # fmt: skip


def rules_later(upload: Upload, actor: Actor) -> JobView:
    """Keep a file of Sigma rules and queue the job that reads it. Raises Forbidden."""
    detection_rules.demand_keeper(actor)
    return jobs.submit(
        detection_rules.FORMAT, upload.name, upload.keep(), size=upload.size, digest=upload.digest, options={},
        actor=actor,
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
