"""Steps of a diagnosis: what one is, and how a row of them runs."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from django.db import connections

from bifang.core.errors import BifangError
from bifang.core.failures import explain
from bifang.core.redaction import redact

log = logging.getLogger(__name__)
T = TypeVar("T")
C = TypeVar("C")
Verdict = Literal["passed", "failed", "skipped"]
STEP_SECONDS = 5.0


class Skip(Exception):
    """This step does not apply here; the text says why. What depends on it goes on."""


class Failure(Exception):
    """A failed step whose remedy is another than the usual one."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class CheckStep(Generic[C]):
    """``run`` returns what is well, in Chinese; raises `Skip`, `Failure`, or any error that has an explanation.

    ``remedy``: what to do when it failed. ``needs``: names of steps without which it makes no sense.
    """

    name: str
    label: str
    run: Callable[[C], Awaitable[str]]
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a step found, in how many seconds."""

    name: str
    label: str
    verdict: Verdict
    detail: str
    remedy: str = ""
    seconds: float = 0.0


async def run_steps(
    steps: Iterable[CheckStep[C]], context: C, *, seconds: float = STEP_SECONDS
) -> list[Result]:
    """Run steps in order, each with its own time-out; what needs a failed one is skipped."""
    causes: dict[str, str] = {}  # step that failed or was skipped for it → label of the step that failed
    results = []
    for step in steps:
        cause = next((causes[name] for name in step.needs if name in causes), "")
        if cause:
            result = Result(step.name, step.label, "skipped", f"「{cause}」没有通过")
        else:
            result = await _run(step, context, seconds)
        if cause or result.verdict == "failed":
            causes[step.name] = cause or step.label
        results.append(result)
    return results


async def _run(step: CheckStep[C], context: C, seconds: float) -> Result:
    started = time.monotonic()

    def result(verdict: Verdict, detail: str, remedy: str = "") -> Result:
        took = round(time.monotonic() - started, 3)
        return Result(step.name, step.label, verdict, redact(detail), redact(remedy), took)

    try:
        async with asyncio.timeout(seconds):
            return result("passed", await step.run(context))
    except Skip as skip:
        return result("skipped", str(skip))
    except Failure as failure:
        return result("failed", failure.detail, failure.remedy or step.remedy)
    except TimeoutError:
        return result("failed", f"在 {seconds:g} 秒内没有完成。", step.remedy)
    except Exception as error:
        return result("failed", _describe(step.label, error), step.remedy)


def _describe(label: str, error: Exception) -> str:
    known = error.message if isinstance(error, BifangError) else explain(error)
    if known:
        return known
    log.error("dingtalk 检查「%s」时出现意外错误", label, exc_info=error)
    return f"出现意外错误（{type(error).__name__}：{error}），详情见 logs/bifang.log。"


def failed(results: Sequence[Result]) -> bool:
    """Did a step fail?"""
    return any(result.verdict == "failed" for result in results)


async def in_thread(function: Callable[[], T]) -> T:
    """Run something that may hang (a database) in a thread that nobody waits for at exit."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def main() -> None:
        try:
            value = function()
        except BaseException as error:
            connections.close_all()
            future.set_exception(error)
        else:
            connections.close_all()
            future.set_result(value)

    threading.Thread(target=main, name="check", daemon=True).start()
    return await asyncio.wrap_future(future)
