"""Debian's Chromium on our pages: the site in threads of this process, and people signed in."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_MS = 90_000  # on a busy machine; nothing waits that long otherwise
DESK, PHONE = (1440, 900), (390, 844)


class QuietHandler(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The web application on a port of its own; its address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. While it is open this thread has a loop of its own and may not ask the database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def cookie_of(user: User) -> str:
    """The session of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def browsing(
    browser: Browser, site: str, cookie: str = "", size: tuple[int, int] = DESK, **options: Any
) -> Iterator[Page]:
    """A page in a context of its own, signed in by the cookie; an error in its scripts fails the test."""
    viewport = {"width": size[0], "height": size[1]}
    options = {
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        **({"base_url": site} if site else {}),
        **options,
    }
    context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    if cookie:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
