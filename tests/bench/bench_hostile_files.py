"""What hostile files cost before they are stored or refused: ``python -m tests.bench.bench_hostile_files [format…]``.

A fresh process for each file; CPU seconds, and megabytes at most above what the process had before. In Markdown.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SECONDS, MEGABYTES = 5.0, 200.0
_LONGEST = 60  # CPU seconds
_PATIENCE = 1800  # seconds by the clock: others may have the machine


def megabytes(field: str) -> float:
    """VmRSS or VmHWM of this process; getrusage would also count what the parent had before the exec."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def read(name: str, path: str) -> None:
    """In the child: read the file as an import does, up to the writing; prints what it cost and what became of it."""
    from bifang.core.errors import BifangError
    from secops_agent.importers import registry
    from secops_agent.importers.base import Source
    from secops_agent.services.intake.ingest import Staging

    resource.setrlimit(resource.RLIMIT_CPU, (_LONGEST, _LONGEST))
    registry.importers()
    before, started = megabytes("VmRSS"), _cpu()
    with Staging() as staging:
        try:
            staging.fill(registry.parse(name, Source.from_path(path)))
            end = ""
        except BifangError as error:
            end = error.message[:60]
        told = f"收 {staging.count}，拒 {len(staging.rejected)}；{end}"
    grown = megabytes("VmHWM") - before
    print(f"{_cpu() - started:.2f}\t{grown:.0f}\t{told}")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(name: str, path: Path) -> tuple[float, float, str]:
    """CPU seconds, megabytes, and what became of the file."""
    command = [sys.executable, "-m", "tests.bench.bench_hostile_files", "--read", name, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        seconds, grown, told = done.stdout.strip().split("\t")
    except (subprocess.TimeoutExpired, ValueError) as error:
        return float("inf"), float("inf"), repr(error)[-300:]
    return float(seconds), float(grown), told


def rows(wanted: list[str]) -> Iterator[str]:
    """A line for each file; what is over the bound is in bold."""
    from tests.bench.hostile_files import files
    from tests.bench.hostile_references import attacks

    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "file"
        for name, shape, body in attacks() if wanted == ["attacks"] else files():
            if wanted not in ([], ["attacks"]) and name not in wanted and shape not in wanted:
                continue
            path.write_bytes(body)
            seconds, grown, told = measured(name.partition(" ")[0], path)
            mark = "**" if seconds > SECONDS or grown > MEGABYTES else ""
            yield f"| {name} | {shape} | {len(body) / 2**20:.2f} | {mark}{seconds:.2f}{mark} | {mark}{grown:.0f}{mark} | {told} |"


def main() -> None:
    """One table, in Markdown."""
    print("| 格式 | 文件 | MiB | CPU 秒 | MB | |\n|---|---|---|---|---|---|")
    for row in rows(sys.argv[1:]):
        print(row, flush=True)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
    django.setup()
    if sys.argv[1:2] == ["--read"]:
        read(*sys.argv[2:4])
    else:
        main()
