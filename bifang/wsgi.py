"""The WSGI entry point. A failure that a person can mend is one line in the server's log, not a traceback."""

import os
import sys
from importlib import import_module

from bifang.core.failures import explain

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
# gunicorn's own code for "the application cannot be loaded": it stops instead of starting worker after worker.
CANNOT_LOAD = 4

try:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    import_module(settings.ROOT_URLCONF)  # else the first caller waits for it, and DingTalk waits 2.5 s
except Exception as error:
    line = explain(error)
    if not line:
        raise
    sys.stderr.write(f"{line}\n")
    sys.exit(CANNOT_LOAD)
