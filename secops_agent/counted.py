"""What is counted of the security work, for Prometheus: declared here, counted where it happens. No Django."""

from typing import Final

from bifang.core.monitoring.counting import SECONDS, TALLIES, Tally

MODELS: Final = Tally(
    "bifang_model_call_duration_seconds",
    "Completions asked of a model, by its configuration's name; the result is ok or the error.",
    ("model", "result"),
    buckets=SECONDS,
)
CALLS: Final = Tally(
    "bifang_tool_call_duration_seconds",
    "Tool calls whose arguments were right, by tool and status of the result.",
    ("tool", "result"),
    buckets=SECONDS,
    most=500,
)
DECISIONS: Final = Tally(
    "bifang_approval_decisions",
    "Verdicts on proposals, by verdict and what it came to.",
    ("verdict", "result"),
)
RECORDS: Final = Tally(
    "bifang_ingested_records", "Records that were read and stored, by source.", ("source",)
)
THINGS: Final = Tally(
    "bifang_ingested",
    "What became of them: things by kind and result; rejected ones have no kind.",
    ("kind", "result"),
)
TALLIES.add(MODELS, CALLS, DECISIONS, RECORDS, THINGS)
