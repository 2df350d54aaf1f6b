"""manage.py, and the web application, where whoever begins to compare what it has stored is killed at that moment."""

import os
import signal
import sys
from typing import Any

import django
from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "bifang.settings"
django.setup()

from secops_agent.services.vulnerabilities.comparison import matching  # noqa: E402 - needs the settings


def _killed(**_: Any) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


matching.refresh = _killed

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    from bifang.wsgi import application as application
