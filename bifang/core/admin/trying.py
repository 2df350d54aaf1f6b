"""测试连接: the checks of a kind, step by step, with the values of the form, before they are saved and after."""

import asyncio
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.template.loader import render_to_string

from bifang.core.admin.base import author_of
from bifang.core.admin.kind_pages import page_of
from bifang.core.configuration import configs
from bifang.core.configuration.kinds import Kind, get_kind
from bifang.core.configuration.trials import CheckStep, Failure, Result, Tryout, failed, run_steps
from bifang.core.models import SystemConfig

PAGES: Final = "admin/core/systemconfig"
UNNAMED: Final = "（未命名）"
A_MINUTE: Final = 12  # tests of one person, in one process
AT_ONCE: Final = 2  # each holds a thread of the web server
TOO_OFTEN: Final = "测试得太频繁了，请一分钟后再试。"
BUSY: Final = "正在进行别的测试，请等它结束后再试。"
Part = tuple[str, Sequence[CheckStep[Any]]]  # heading and steps


@dataclass(frozen=True, slots=True)
class Checkup:
    """How a kind is tried, by its button and when it was saved: ``note`` says what that does and does not do, ``seconds`` is for all of it."""

    trial: type[Tryout]
    parts: Callable[[], Sequence[Part]]
    note: str
    seconds: float = 40.0
    keeps: bool = False  # what fails with what is stored is its last error, until something works


_rooms = threading.BoundedSemaphore(AT_ONCE)


class Throttle:
    """So many passages of one person in a minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._passed: defaultdict[int, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def take(self, who: int) -> bool:
        """Is there room? Takes it."""
        now = time.monotonic()
        with self._lock:
            mine = self._passed[who]
            while mine and now - mine[0] >= 60:
                mine.popleft()
            if len(mine) >= self._most:
                return False
            mine.append(now)
            return True


pace = Throttle(A_MINUTE)


def answer(request: HttpRequest, kind_name: str, config: SystemConfig | None) -> HttpResponseBase:
    """Lines of JSON as the steps end: ``{plan}``, ``{step}`` for each, ``{end}``; HTML that the page shows."""
    checkup = page_of(kind_name).checkup
    if request.method != "POST" or checkup is None:
        raise PermissionDenied
    if settings.RATE_LIMITS and not pace.take(request.user.pk or 0):
        return JsonResponse({"error": TOO_OFTEN}, status=429)
    lines = _lines(checkup, read_trial(request, checkup, get_kind(kind_name), config))
    plain = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(lines, content_type="application/x-ndjson", headers=plain)


def read_trial(
    request: HttpRequest, checkup: Checkup, kind: type[Kind], config: SystemConfig | None
) -> Tryout:
    """What the form would store. What it would refuse is what the first step fails with: nothing is connected to."""
    given = {
        name: field.widget.value_from_datadict(request.POST, request.FILES, name)
        for name, field in kind.boxes.items()
    }
    name, enabled = request.POST.get("name", "").strip() or UNNAMED, bool(request.POST.get("enabled"))
    try:
        draft = configs.draft(kind.name, name, enabled, given, config=config, author=author_of(request))
    except configs.FieldErrors as errors:
        return checkup.trial(
            config or SystemConfig(kind=kind.name, enabled=enabled), _refuse(kind, errors), False
        )
    return checkup.trial(draft.row, draft.load, draft.stored)


def _refuse(kind: type[Kind], errors: configs.FieldErrors) -> Callable[[], Any]:
    labels = {"name": "配置名称"} | {name: str(field.label) for name, field in kind.fields.items()}
    told = [
        said if name not in labels or labels[name] in said else f"{labels[name]}：{said}"
        for name, said in errors.errors.items()
    ]

    def load() -> Any:
        raise Failure("；".join(one.rstrip("。") for one in told) + "。", "在上面的表单里改正，再测一次。")

    return load


def _lines(checkup: Checkup, trial: Tryout) -> Iterator[str]:
    if not _rooms.acquire(blocking=False):
        yield _line(error=BUSY)
        return
    try:
        parts, results = checkup.parts(), list[Result]()
        yield _line(plan=_html("plan", parts=parts))
        steps = {step.name: step for _, steps in parts for step in steps}
        for result in _run(list(steps.values()), trial, checkup.seconds):
            results.append(result)
            wrong = steps[result.name].field if result.verdict == "failed" else ""
            yield _line(
                step=_html("step", result=result), name=result.name, field=wrong, detail=result.detail
            )
        found = _summary(results, trial)
        if checkup.keeps and trial.stored:
            first = found["first"]
            configs.report_error(
                trial.row.pk, f"测试没有通过：「{first.label}」{first.detail}" if first else ""
            )
        yield _line(end=_html("end", **found))
    finally:
        _rooms.release()


def _run(steps: Sequence[CheckStep[Any]], trial: Tryout, seconds: float) -> Iterator[Result]:
    with asyncio.Runner() as runner:
        found = run_steps(steps, trial, total=seconds)

        async def advance() -> Result | None:
            return await anext(found, None)

        while (result := runner.run(advance())) is not None:
            yield result


def _summary(results: Sequence[Result], trial: Tryout) -> dict[str, Any]:
    kind = get_kind(trial.row.kind)
    counts = {word: sum(one.verdict == word for one in results) for word in ("passed", "failed", "skipped")}
    offers = [
        (name, kind.fields[name].label, [(str(value), kind.fields[name].shown(value)) for value in values])
        for name, values in trial.offers.items()
    ]
    first = next((one for one in results if one.verdict == "failed"), None)
    seconds = sum(one.seconds for one in results)
    return {
        "ok": not failed(results), "first": first, "counts": counts, "seconds": seconds, "offers": offers, "trial": trial,
    }  # fmt: skip


def _html(name: str, **context: Any) -> str:
    return render_to_string(f"{PAGES}/try_{name}.html", context)


def _line(**values: str) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"
