"""The base of our commands."""

from django.core.management.base import BaseCommand


class OperatorCommand(BaseCommand):
    """Starts without Django's checks, which load every page and take as long as the rest of a start.

    `manage.py` itself looks at the files and keys; ``manage.py check`` and CI run all of them.
    """

    requires_system_checks = ()
