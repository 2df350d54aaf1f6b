"""``/healthz``, ``/readyz``, ``/metrics``: for load balancers and monitoring, without login or session."""

import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from bifang.core.monitoring.failures import explain
from bifang.core.monitoring.health import HealthReport, check_health
from bifang.core.monitoring.metrics import render_metrics
from bifang.core.monitoring.recent import Recent
from bifang.core.outbound.addresses import is_loopback
from bifang.core.registry import Registry

log = logging.getLogger(__name__)
PARTS: Final = Registry[Callable[[], Mapping[str, object]]]()  # what ``/readyz?full=1`` adds
readiness: Recent[HealthReport] = Recent(check_health)
figures: Recent[bytes] = Recent(render_metrics)
# A reverse proxy on this machine also connects from loopback; it tells for whom.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA")
BUSY = "检查在规定时间内没有完成：数据库可能没有响应，请在服务器上执行 python manage.py healthcheck。"
CLOSED = "只允许从本机访问；其他机器请设置环境变量 BIFANG_METRICS_TOKEN，并在请求头中带上 Authorization: Bearer 令牌。"


class ProbeMiddleware:
    """Answers the probes before anything else looks at the request.

    Probes come under addresses that are no host of the site (a container's, this machine's) and over plain HTTP:
    ALLOWED_HOSTS and the redirect to HTTPS would turn them away.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self._get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = probe(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Length"] = str(
            len(response.content)
        )  # else the connection ends with the answer
        return response


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return _json({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if every health check is passed but those that only advise, else 503; with the reasons, no older than a second.

    ``?full=1`` adds `PARTS`: each program by its name.
    """
    try:
        report = readiness.get()
        more = parts.get() if report.ready and request.GET.get("full") == "1" else {}
    except TimeoutError:
        return _json({"status": "failed", "checks": [], "message": BUSY}, 503)
    return _json({**more, **report.as_json(details=False)}, 200 if report.ready else 503)


def _read_parts() -> dict[str, object]:
    return {name: told for part in PARTS for name, told in part().items()}


parts: Recent[dict[str, object]] = Recent(_read_parts)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text for this machine or for who knows the token."""
    if not (_comes_from_here(request) or _knows_token(request)):
        return _json({"message": CLOSED}, 403)
    try:
        return HttpResponse(figures.get(), content_type=CONTENT_TYPE_LATEST)
    except TimeoutError:
        return _json({"message": BUSY}, 503)
    except Exception as error:
        if not explain(error):
            log.exception("读取监控指标出错")
        return _json({"message": "读取监控指标失败：请在服务器上执行 python manage.py healthcheck。"}, 503)


PROBES: Mapping[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics,
}


def _comes_from_here(request: HttpRequest) -> bool:
    forwarded = any(name in request.META for name in FORWARDED)
    return not forwarded and is_loopback(request.META.get("REMOTE_ADDR", ""))


def _knows_token(request: HttpRequest) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted: str = settings.METRICS_TOKEN
    if not wanted or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(token.strip().encode("utf-8", "replace"), wanted.encode())


def _json(data: Mapping[str, object], status: int = 200) -> HttpResponse:
    return JsonResponse(data, status=status, json_dumps_params={"ensure_ascii": False})
