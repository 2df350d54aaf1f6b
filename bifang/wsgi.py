"""The WSGI entry point. A failure that a person can mend is one line in the server's log, not a traceback."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

from bifang.core.monitoring.failures import explain

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
# gunicorn's own code for "the application cannot be loaded": it stops instead of starting worker after worker.
CANNOT_LOAD = 4
Application = Callable[..., Iterable[bytes]]


def without_body(whole: Application) -> Application:
    """Django answers HEAD as it does GET; gunicorn drops that body, with a warning in the log for each."""

    def application(request: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = whole(request, start_response)
        if request["REQUEST_METHOD"] != "HEAD":
            return body
        if hasattr(body, "close"):
            body.close()  # what Django does at the end of a request
        return []

    return application


try:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    application = without_body(get_wsgi_application())
    from bifang.core.database.db import bound_statements
    from bifang.core.monitoring.recent import Recent
    from bifang.core.monitoring.startup import announce, require_own

    announce("网页")
    bound_statements()
    with suppress(TimeoutError):
        Recent(require_own).get()
    import_module(settings.ROOT_URLCONF)  # else the first caller waits for it, and DingTalk waits 2.5 s
except Exception as error:
    line = explain(error)
    if not line:
        raise
    sys.stderr.write(f"{line}\n")
    sys.exit(CANNOT_LOAD)
