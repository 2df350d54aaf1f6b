"""manage.py, where what a dead process held is given to another after seconds, not after a minute."""

import os
import sys
from functools import partial

import django
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "bifang.settings"
    django.setup()
    from secops_agent.brokers import clients, worker

    worker.client_for = partial(clients.client_for, hold_s=4.0)  # type: ignore[assignment]
    execute_from_command_line(sys.argv)
