"""When the Node SDK is tested.

The test needs node and npm, which a newcomer who only wants to run `make test` need not have. The rule: it is
collected if npm is found, and always in CI (the variable `CI` is set there, by convention), where a missing npm is
then a failure. It is never skipped at run time. When it is left out, the end of the test run says so.
"""

import os
import shutil

import pytest

IS_WANTED = bool(os.environ.get("CI")) or shutil.which("npm") is not None
collect_ignore = [] if IS_WANTED else ["test_simulator_node_sdk.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if not IS_WANTED:
        terminalreporter.write_line(
            "未安装 Node.js：没有运行钉钉 Node SDK 的测试（CI 中必须运行）", yellow=True
        )
