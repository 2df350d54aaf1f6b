#!/usr/bin/env python
"""Bifang's command line."""

import os
import sys

# They need no database, and say what is wrong in their own way.
UNCHECKED = ("check", "healthcheck", "check_dingtalk_stream", "help", "version", "--help", "--version", "-h")


def main() -> None:
    """Run a command. A failure that a person can mend is one line and exit code 2; ``--traceback`` shows all."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
    try:
        from django.core.management import execute_from_command_line

        from bifang.core.monitoring.failures import explain
    except ImportError as error:
        sys.exit(
            f"缺少依赖 {error.name}：请在项目目录执行 make run；或 python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        )
    try:
        if len(sys.argv) > 1 and sys.argv[1] not in UNCHECKED:
            _require_usable_files()
        execute_from_command_line(sys.argv)
    except Exception as error:
        line = explain(error)
        if not line or "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"{line}\n")
        sys.exit(2)


def _require_usable_files() -> None:
    from bifang.core.monitoring.checks import require_usable_files

    require_usable_files()


if __name__ == "__main__":
    main()
