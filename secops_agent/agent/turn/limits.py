"""Limits of one turn, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Bounds of one turn. When one is reached the tools are withdrawn and the model must answer.

    ``steps``: completions. ``calls``: tool calls in all. ``tokens``: input and output tokens in all.
    ``seconds``: until the next in the chain answers, unless the model has its own; another model then has
    ``second_seconds`` at least, the offline mode ``grace_seconds``. ``result_chars``: text of one
    tool result. ``tool_seconds``: one tool call. ``same_call``: how often an identical call may run.
    ``answer_share``: the last part of the seconds (0 to 1), in which the model must answer without tools.
    ``retries``: further attempts of one completion after a passing error. ``answer_tokens``: length of one
    completion.
    """

    steps: int = 8
    calls: int = 20
    tokens: int = 80_000
    seconds: float = 90.0
    second_seconds: float = 45.0
    answer_share: float = 0.15
    result_chars: int = 6000
    tool_seconds: float = 15.0
    same_call: int = 1
    retries: int = 3
    grace_seconds: float = 20.0
    answer_tokens: int = 2000
    backoff_seconds: float = 0.5
