"""Trying something out step by step: what a step is, how a row of them runs, and a configuration that is tried."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from django.db import connections

from bifang.core.errors import BifangError, SecretError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.failures import explain
from bifang.core.secrets.redaction import redact

log = logging.getLogger(__name__)
T = TypeVar("T")
C = TypeVar("C")
Verdict = Literal["passed", "failed", "skipped"]
STEP_SECONDS = 5.0
TOTAL_SECONDS = 90.0
IN_ADMIN = "在管理后台「系统配置」中打开这个配置，"
UNREADABLE_SECRET = (
    "先按「加密密钥」一项恢复密钥，或补上所引用的环境变量、文件；原来的密钥找不回来时，"
    f"{IN_ADMIN}重新填写密钥（Client Secret、API Key）后保存。"
)


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

    ``remedy``: what to do when it failed. ``needs``: names of steps without which it makes no sense. ``seconds``:
    how long it may take. ``field``: of the form, which a failure is about.
    """

    name: str
    label: str
    run: Callable[[C], Awaitable[str]]
    remedy: str
    needs: tuple[str, ...] = ()
    seconds: float = STEP_SECONDS
    field: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a step found, in how many seconds."""

    name: str
    label: str
    verdict: Verdict
    detail: str
    remedy: str = ""
    seconds: float = 0.0

    @property
    def took(self) -> str:
        """How long, for people."""
        return f"{self.seconds:.1f} 秒" if self.seconds >= 1 else f"{max(self.seconds * 1000, 1):.0f} 毫秒"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a configuration sends to. ``ca``: PEM of the authority to believe, "" the system's."""

    url: str
    proxy: str = ""
    ca: str = ""


@dataclass(slots=True)
class Tryout:
    """One configuration, as stored or as a form would store it, and what its steps found for those that follow.

    ``load`` gives the settings or raises. ``stored``: what is tried is what is stored, so that what is found may be
    kept. ``offers``: a field, and the values that it could be given.
    """

    row: SystemConfig
    load: Callable[[], Any]
    stored: bool = True
    settings: Any = None
    proxy: str | None = None
    addresses: list[tuple[int, str]] = field(default_factory=list)
    offers: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def ready(self) -> Any:
        """The settings; every step that needs them names `complete` as a need."""
        if self.settings is None:
            raise Skip("配置不完整")
        return self.settings

    @property
    def destination(self) -> Destination:
        """Of the settings."""
        raise NotImplementedError

    def describe(self) -> str:
        """The settings in a line, without secrets."""
        return f"发往 {self.destination.url}"


async def check_complete(trial: Tryout) -> str:
    """Everything required is filled in, secrets can be read. Fills in ``settings``."""
    try:
        trial.settings = await in_thread(trial.load)
    except SecretError as error:
        raise Failure(error.message, UNREADABLE_SECRET) from None
    return trial.describe()


COMPLETE: CheckStep[Any] = CheckStep("complete", "配置完整", check_complete, f"{IN_ADMIN}补全后保存。")


async def run_steps(
    steps: Iterable[CheckStep[C]], context: C, *, total: float = TOTAL_SECONDS
) -> AsyncIterator[Result]:
    """Run steps in order, each with its own time-out and all within ``total``; what needs a failed one is skipped."""
    causes: dict[str, str] = {}  # step that failed or was skipped for it → label of the step that failed
    end = time.monotonic() + total
    for step in steps:
        cause = next((causes[name] for name in step.needs if name in causes), "")
        left = end - time.monotonic()
        if cause:
            result = Result(step.name, step.label, "skipped", f"「{cause}」没有通过")
        elif left <= 0:
            result = Result(step.name, step.label, "skipped", f"前面的检查用完了 {total:g} 秒")
        else:
            result = await _run(step, context, min(step.seconds, left))
        if cause or result.verdict == "failed":
            causes[step.name] = cause or step.label
        yield result


async def _run(step: CheckStep[C], context: C, seconds: float) -> Result:
    started = time.monotonic()

    def result(verdict: Verdict, detail: str, remedy: str = "") -> Result:
        took = round(time.monotonic() - started, 3)
        return Result(step.name, step.label, verdict, redact(detail), redact(remedy), took)

    try:
        async with asyncio.timeout(seconds):
            return result("passed", await step.run(context))
    except Skip as skip:
        return result("skipped", redact(str(skip)))
    except Failure as failure:
        return result("failed", failure.detail, failure.remedy or step.remedy)
    except TimeoutError:
        return result("failed", f"在 {seconds:.3g} 秒内没有完成。", step.remedy)
    except Exception as error:
        return result("failed", _describe(step.label, error), step.remedy)


def _describe(label: str, error: Exception) -> str:
    known = error.message if isinstance(error, BifangError) else explain(error)
    if known:
        return known
    log.error("检查「%s」时出现意外错误", label, exc_info=error)
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
