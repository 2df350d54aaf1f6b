"""Components that ``make run`` installs while it runs: what sets reports as PDF, 100 MB that no first answer waits for."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final

from bifang import env
from deploy.local.console import last_lines, say

LOCK: Final = "requirements-reports.lock"
PACKAGES: Final = ("typst", "pylopdf_fonts_zh_cn")


class Installation:
    """pip in the background, ended with the block. ``mark`` is there as long as it runs: pages tell that it does."""

    def __init__(self, lock: Path, mark: Path, log: Path, python: str = sys.executable) -> None:
        self._mark, self._log = mark, log
        options = ("--no-deps", "--no-compile", "--require-hashes", "--disable-pip-version-check")
        self._command = [python, "-m", "pip", "install", *options, "-r", str(lock)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Installation":
        self._mark.unlink(missing_ok=True)  # of one that was killed
        return self

    def start(self) -> None:
        """Begin. Raises OSError."""
        self._mark.touch()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)

    def poll(self) -> int | None:
        """Its exit code, once, when it has ended; the mark is gone then."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._process = None
            self._mark.unlink(missing_ok=True)
            told = "报告的 PDF 组件装好了。" if code == 0 else "\n".join(
                [f"报告的 PDF 组件没有装上（别的都能用）：再次 make run 会重试，完整记录在 {self._log}。", *last_lines(self._log)]
            )  # fmt: skip
            say(f"· {told}")
        return code

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
        self._mark.unlink(missing_ok=True)


def are_wanted() -> bool:
    """Are they not there, and may they be fetched?"""
    return not all(map(find_spec, PACKAGES)) and not env.flag("BIFANG_AIRGAPPED")
