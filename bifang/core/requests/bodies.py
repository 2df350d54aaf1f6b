"""Large bodies: a view says that it takes one, and from whom; the web server asks before it reads one.

`bifang.web_server` sends the head of a request whose body is larger than `FREE` through the application as a question, with
`ANNOUNCED` in its environment and without the body. 204 means that the body may come; anything else is the answer.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

ANNOUNCED: Final = "bifang.announced_length"  # 0 where the request does not say
LIMIT: Final = "Bifang-Largest-Body"  # of the answer 204: bytes
FREE: Final = 2_621_440  # bytes that anybody may send: Django's own limit for what it keeps in memory
_ROUND_A_FILE: Final = 1 << 18  # what a form has beside the file
ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def takes_file(largest: int, *permissions: str) -> Callable[[ViewT], ViewT]:
    """A decorator for a view of Django's: it takes a file of so many bytes, of people with all of the permissions."""

    def admit(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        if not request.user.has_perms(permissions):
            raise PermissionDenied
        return HttpResponse(status=204)

    def mark(view: ViewT) -> ViewT:
        view.largest_body, view.admit = largest, admit  # type: ignore[attr-defined]  # read below
        return view

    return mark


class BodyMiddleware:
    """Answers the question whether a large body may come. Stands before the check for CSRF, which reads the body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """The view's own word, within what it takes; None for a request that is no question."""
        if ANNOUNCED not in request.META:
            return None
        asked = getattr(view, "cls", view)  # of the API it is a class
        largest = getattr(asked, "largest_body", 0)
        if not largest or request.META[ANNOUNCED] > largest + _ROUND_A_FILE:
            return too_large(largest or FREE)
        answer: HttpResponseBase = asked.admit(request, *args, **kwargs)
        answer.headers[LIMIT] = str(largest + _ROUND_A_FILE)
        return answer


def too_large(most: int) -> JsonResponse:
    """The refusal of what is larger than `most` bytes."""
    size = f"{most >> 20} MiB" if most >= 10 << 20 else f"{most} 字节"
    return refusal(
        "too_large", f"请求体太大：这里最多 {size}。请拆分后再发，或在服务器上用 import_data 导入。", 413
    )


def refusal(code: str, message: str, status: int) -> JsonResponse:
    """An error in the shape of the API's."""
    body = {"error": {"code": code, "message": message}}
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})
