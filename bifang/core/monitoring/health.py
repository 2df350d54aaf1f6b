"""Is this installation fit for work? The checks that applications register, and their report.

`/readyz` shows the public sentence of each finding, because anyone may read it; ``manage.py healthcheck`` shows
the details, which may name files, hosts and users.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any, Final, Literal

from bifang.core.extensions import Extension
from bifang.core.monitoring.failures import explain
from bifang.core.registry import Registry
from bifang.core.secrets.redaction import redact

log = logging.getLogger(__name__)
State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``run`` returns what is well, in Chinese, or raises. ``remedy`` is shown to everyone when it raises.

    Where a check of ``needs`` was not passed, this one is skipped. ``advisory``: `/readyz` and ``healthcheck`` tell of its
    failure, but the machine is ready for work all the same.
    """

    name: str
    label: str
    run: Callable[[], str]
    remedy: str
    needs: tuple[str, ...] = ()
    advisory: bool = False


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """What one check found. ``public`` gives nothing away; ``detail`` is for who may log on to the machine."""

    name: str
    label: str
    state: State
    public: str
    detail: str
    advisory: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All findings, in the order of the checks."""

    findings: tuple[HealthFinding, ...]

    @property
    def ok(self) -> bool:
        """Every check was passed."""
        return all(finding.state == "ok" for finding in self.findings)

    @property
    def ready(self) -> bool:
        """Every check was passed but those that only advise."""
        return all(finding.state == "ok" for finding in self.findings if not finding.advisory)

    def as_json(self, *, details: bool) -> dict[str, Any]:
        """``{status: ok | degraded | failed, checks: [{name, label, state, advisory, message}]}``."""
        checks = []
        for finding in self.findings:
            row = asdict(finding)
            public, detail = row.pop("public"), row.pop("detail")
            checks.append({**row, "message": detail if details else public})
        status = "ok" if self.ok else "degraded" if self.ready else "failed"
        return {"status": status, "checks": checks}


# Run in this order.
CHECKS: Final = Registry[HealthCheck](attrgetter("name"))


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
    for check in CHECKS:
        finding = _run(check, passed)
        if finding.state == "ok":
            passed.add(check.name)
        findings.append(finding)
    return HealthReport(tuple(findings))


def _run(check: HealthCheck, passed: set[str]) -> HealthFinding:
    missing = [each.label for each in map(CHECKS.get, check.needs) if each and each.name not in passed]
    if missing:
        text = f"未检查：「{missing[0]}」没有通过。"
        return HealthFinding(check.name, check.label, "skipped", text, text, check.advisory)
    try:
        text = check.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package's may even try to end the process
        return HealthFinding(
            check.name, check.label, "failed", check.remedy, _detail(check, error), check.advisory
        )
    return HealthFinding(check.name, check.label, "ok", "正常", str(text), check.advisory)


def _detail(check: HealthCheck, error: BaseException) -> str:
    known = explain(error)
    if not known:
        log.error("健康检查「%s」出错", check.label, exc_info=error)
        first = (str(error).strip().splitlines() or [""])[0]
        known = f"{type(error).__name__}：{first}"
    return redact(known)
