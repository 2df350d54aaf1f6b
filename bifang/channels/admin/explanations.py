"""Where a row of a box stands, in words: what happened, why, and what a person has to do about it."""

from dataclasses import dataclass
from typing import Final

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.expressions import Combinable
from django.utils import timezone

from bifang.channels.models import OPEN, TRIED_AGAIN, BoxRow, InboxRow, State
from bifang.channels.workers.connection_health import program_of

TONES: Final = {
    State.PENDING: "info", State.CLAIMED: "info", State.DONE: "ok", State.DEAD: "bad", State.UNKNOWN: "warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """``word`` and ``tone`` for a badge, ``reason`` as it was written down, ``advice``: what to do."""

    word: str
    tone: str
    reason: str
    advice: str


def explain(row: BoxRow) -> Explanation:
    """How it stands now."""
    state, received = State(row.state), isinstance(row, InboxRow)
    if state == State.DONE and received and row.last_error:
        return Explanation("未回答", "idle", row.last_error, "毕方有意不回答，不需要处理。")
    if state == State.DONE and row.last_error:
        return Explanation("已由后来的送达", "idle", row.last_error, "同样的内容后来送到了，不需要处理。")
    advice = {
        State.PENDING: _waiting(row),
        State.CLAIMED: "工作进程正在处理；进程退出时，30 秒内由别的进程接手。",
        State.DONE: "",
        State.DEAD: _given_up(row, received),
        State.UNKNOWN: "对方没有应答，可能已经送达：先到会话里看一眼，没有收到再「重新发送」。",
    }[state]
    if state in OPEN and row.attempts:
        return Explanation(TRIED_AGAIN, "warn", row.last_error, advice)
    return Explanation(str(state.label), TONES[state], row.last_error, advice)


def _waiting(row: BoxRow) -> str:
    if row.not_before is not None and row.not_before > timezone.now():
        at = timezone.localtime(row.not_before)
        return f"已经试了 {row.attempts} 次，{at:%H:%M:%S} 自动再试，不需要处理。"
    program = program_of(row.config.kind) or "处理它的服务"
    return f"排队中：几秒内没有变化时，请到「工作进程」看 {program} 是否在运行。"


def _given_up(row: BoxRow, received: bool) -> str:
    if isinstance(row, InboxRow) and _is_raw(row):
        return "原始数据无法存成文字，只能保留，不能重新处理。"
    word = "重新处理" if received else "重新发送"
    return f"不会再自动重试：先解决原因，再点「{word}」。"


def may_go_again(row: BoxRow) -> bool:
    """May a person put it back into its queue? What cannot be read, waits or runs, or has arrived, may not."""
    if isinstance(row, InboxRow):
        return row.state in (State.DONE, State.DEAD) and not _is_raw(row)
    return row.state in (State.DEAD, State.UNKNOWN)


def _is_raw(row: InboxRow) -> bool:
    """Kept as bytes only. Nobody reads the column for this: who defers it, asks the database (`raw`)."""
    if "unreadable" in row.get_deferred_fields():
        return bool(getattr(row, "is_raw", False))
    return row.unreadable is not None


def raw() -> Combinable:
    """For ``annotate(is_raw=raw())``."""
    return ExpressionWrapper(Q(unreadable__isnull=False), BooleanField())
