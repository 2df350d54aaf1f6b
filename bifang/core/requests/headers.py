"""What every answer tells the browser to refuse."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

POLICY: Final = "Content-Security-Policy"
_OWN: Final = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
PLAIN: Final = f"default-src 'none'; style-src 'self'; img-src 'self'; {_OWN}"
PAGES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; " + _OWN
)
# unfold prints its colours into the page (inline styles), and Alpine reads the expressions in its markup ('unsafe-eval').
SCREENS: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    + _OWN
)
# Swagger UI styles its elements one by one, and draws its symbols from data: addresses.
DOCUMENTATION: Final = f"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; {_OWN}"


class PolicyMiddleware:
    """Scripts come from us and stand in files; only the admin's pages may do what unfold needs.

    A view that needs something else sets the header itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault(POLICY, SCREENS if request.path_info.startswith("/admin/") else PLAIN)
        return response
