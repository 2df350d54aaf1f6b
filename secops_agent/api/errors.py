"""One shape for every error: ``{"error": {"code", "message", "fields"?}}``, the message in Chinese, no tracebacks."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from bifang.core.errors import BifangError, InvalidInput, RateLimited, RemoteError
from bifang.core.monitoring.failures import DiskAlmostFull, explain
from bifang.core.secrets.redaction import redact
from secops_agent.services.faults import Conflict, Forbidden, NotFound
from secops_agent.uploads.body import TooLarge, UnknownPacking

log = logging.getLogger(__name__)
BUSY_S = 5
FULL_S = 60
_OURS: tuple[tuple[type[BifangError], int, str], ...] = (
    (NotFound, 404, "not_found"),
    (Forbidden, 403, "forbidden"),
    (Conflict, 409, "conflict"),
    (TooLarge, 413, "too_large"),
    (UnknownPacking, 415, "unsupported_media_type"),
    (RateLimited, 429, "rate_limited"),
    (InvalidInput, 400, "invalid_input"),
    (RemoteError, 502, "remote_error"),
)
_OTHERS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (exceptions.NotAuthenticated, 401, "unauthenticated", "需要身份：请在 Authorization: Bearer 头中带上 API 令牌，或先登录管理后台。"),
    (exceptions.PermissionDenied, 403, "forbidden", "没有权限做这件事。"),
    (DjangoPermissionDenied, 403, "forbidden", "没有权限做这件事。"),
    (exceptions.NotFound, 404, "not_found", "没有这个地址。"),
    (Http404, 404, "not_found", "没有这个地址。"),
    (exceptions.MethodNotAllowed, 405, "method_not_allowed", "这个地址不支持这种请求方法。"),
    (exceptions.UnsupportedMediaType, 415, "unsupported_media_type", "请求体应为 JSON（Content-Type: application/json）。"),
    (exceptions.ParseError, 400, "invalid_input", "请求体不是合法的 JSON。"),
    (MultiPartParserError, 400, "invalid_input", "multipart 表单不完整：请重新发送。"),
    (RecursionError, 400, "invalid_input", "请求的内容嵌套太深。"),
    (UnreadablePostError, 400, "invalid_input", "请求体没有传完就断开了：请重新发送。"),
    (RequestDataTooBig, 413, "too_large", "请求体太大。"),
    (SuspiciousOperation, 400, "invalid_input", "请求的内容不被接受。"),
)  # fmt: skip


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler."""
    response = _answer(error)
    view = context.get("view")
    header = view and view.get_authenticate_header(view.request)
    if response.status_code == 401 and header:
        response["WWW-Authenticate"] = header
    return response


def _answer(error: Exception) -> Response:
    if isinstance(error, exceptions.ValidationError):
        return _shaped(400, "invalid_input", _summary(error.detail), _fields(error.detail))
    if isinstance(error, exceptions.AuthenticationFailed):
        return _shaped(401, "unauthenticated", str(error.detail))
    if isinstance(error, BifangError):
        return _ours(error)
    for kind, status, code, message in _OTHERS:
        if isinstance(error, kind):
            return _shaped(status, code, _own_words(error) or message)
    if isinstance(error, DiskAlmostFull):
        return _shaped(503, "unavailable", str(error), retry_after=FULL_S)
    if isinstance(error, OperationalError):
        log.warning("数据库暂时不可用：%s", error)
        slow = explain(error) if "timeout" in str(error) else ""
        return _shaped(503, "unavailable", slow or "数据库正忙，请稍后重试。", retry_after=BUSY_S)
    log.error("API 内部错误", exc_info=error)
    return _shaped(500, "internal", "服务器内部错误，已写入日志；请把时间告诉管理员。")


def _ours(error: BifangError) -> Response:
    for kind, status, code in _OURS:
        if isinstance(error, kind):
            wait = error.retry_after if isinstance(error, RateLimited) else None
            return _shaped(status, code, redact(error.message), retry_after=wait)
    return _shaped(503, "unavailable", redact(error.message))


def _own_words(error: Exception) -> str:
    """What our permission checks say; DRF's own sentences are not about what to do."""
    return str(error.detail) if isinstance(error, exceptions.PermissionDenied) else ""


def _shaped(
    status: int,
    code: str,
    message: str,
    fields: Mapping[str, Any] | None = None,
    retry_after: float | None = None,
) -> Response:
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after is not None else None
    return Response({"error": error}, status=status, headers=headers)


def _fields(detail: Any) -> dict[str, list[str]]:
    """Field (with its place: "tags.2") → messages."""
    if not isinstance(detail, dict):
        return {"": _texts(detail)}
    found: dict[str, list[str]] = {}
    for name, value in detail.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}".rstrip("."): texts for inner, texts in _fields(value).items()}
        else:
            found[str(name)] = _texts(value)
    return found


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _summary(detail: Any) -> str:
    parts = [f"{name or '内容'}：{''.join(texts)}" for name, texts in _fields(detail).items()]
    return "请求的内容不正确。" + " ".join(parts[:3])


@csrf_exempt
def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """For addresses under /api/ that lead nowhere."""
    message = "没有这个地址：接口都以 /api/v1/ 开头、以 / 结尾，列表见 /api/docs/。"
    return JsonResponse({"error": {"code": "not_found", "message": message}}, status=404)
