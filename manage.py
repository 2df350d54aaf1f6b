#!/usr/bin/env python
"""Bifang's command line."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("未安装依赖：请在项目目录执行 make run，或 python3 -m venv .venv && .venv/bin/pip install -r requirements.txt")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
