"""Is this installation fit for work? The checks that applications register, and their report.

`/readyz` shows the public sentence of each finding, because anyone may read it; ``manage.py healthcheck`` shows
the details, which may name files, hosts and users.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bifang.core.extensions import Extension
from bifang.core.monitoring.failures import explain
from bifang.core.secrets.redaction import redact

log = logging.getLogger(__name__)
State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``run`` returns what is well, in Chinese, or raises. ``remedy`` is shown to everyone when it raises.

    Where a check of ``needs`` was not passed, this one is skipped.
    """

    name: str
    label: str
    run: Callable[[], str]
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """What one check found. ``public`` gives nothing away; ``detail`` is for who may log on to the machine."""

    name: str
    label: str
    state: State
    public: str
    detail: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All findings, in the order of the checks."""

    findings: tuple[HealthFinding, ...]

    @property
    def ok(self) -> bool:
        """Every check was passed."""
        return all(finding.state == "ok" for finding in self.findings)

    def as_json(self, *, details: bool) -> dict[str, Any]:
        """``{status: ok | failed, checks: [{name, label, state, message}]}``."""
        checks = []
        for finding in self.findings:
            row = asdict(finding)
            public, detail = row.pop("public"), row.pop("detail")
            checks.append({**row, "message": detail if details else public})
        return {"status": "ok" if self.ok else "failed", "checks": checks}


_checks: dict[str, HealthCheck] = {}


def register_check(
    name: str, label: str, run: Callable[[], str], *, remedy: str, needs: tuple[str, ...] = ()
) -> None:
    """Called by an application's `ready()`; see `HealthCheck`. Checks run in order of registration."""
    _checks[name] = HealthCheck(name, label, run, remedy, needs)


def known_checks() -> tuple[str, ...]:
    """The names of those that are registered."""
    return tuple(_checks)


def unfit_check(extension: Extension[Any]) -> str:
    """Why this cannot be a check; "" if it can."""
    check = extension.adds
    if not isinstance(check, HealthCheck) or not callable(check.run):
        return "adds 应当是 HealthCheck"
    if not isinstance(extension.adds.remedy, str) or not isinstance(extension.adds.needs, tuple):
        return "检查的 remedy 应当是文字，needs 是元组"
    same = (check.name, check.label) == (extension.name, extension.label)
    return "" if same else "检查的 name 和 label 应当与扩展的相同"


def check_health() -> HealthReport:
    """Run every check. Never raises."""
    passed: set[str] = set()
    findings = []
    for check in _checks.values():
        finding = _run(check, passed)
        if finding.state == "ok":
            passed.add(check.name)
        findings.append(finding)
    return HealthReport(tuple(findings))


def _run(check: HealthCheck, passed: set[str]) -> HealthFinding:
    missing = [_checks[name].label for name in check.needs if name not in passed and name in _checks]
    if missing:
        text = f"未检查：「{missing[0]}」没有通过。"
        return HealthFinding(check.name, check.label, "skipped", text, text)
    try:
        text = check.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package's may even try to end the process
        return HealthFinding(check.name, check.label, "failed", check.remedy, _detail(check, error))
    return HealthFinding(check.name, check.label, "ok", "正常", str(text))


def _detail(check: HealthCheck, error: BaseException) -> str:
    known = explain(error)
    if not known:
        log.error("健康检查「%s」出错", check.label, exc_info=error)
        first = (str(error).strip().splitlines() or [""])[0]
        known = f"{type(error).__name__}：{first}"
    return redact(known)
