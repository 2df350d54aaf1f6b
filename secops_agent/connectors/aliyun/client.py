"""云安全中心 (Security Center, "Sas", 2018-12-03): the alerts of DescribeSuspEvents, page by page.

https://help.aliyun.com/zh/security-center/developer-reference/api-sas-2018-12-03-describesuspevents
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.backoff import Backoff
from bifang.core.outbound.http import HttpClient, Response
from secops_agent.connectors.aliyun.config import AliyunSettings

# Alibaba Cloud's signature of an OpenAPI request: ACS3-HMAC-SHA256, parameters in the query, no body.

ALGORITHM: Final = "ACS3-HMAC-SHA256"
NOTHING: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Who signs."""

    id: str
    secret: str = field(repr=False)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted and percent-encoded as RFC 3986 says."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters)
    )


def signed_headers(
    key: AccessKey,
    host: str,
    action: str,
    version: str,
    parameters: Mapping[str, str],
    *,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """The headers of a POST to "/"; ``host`` as it goes out, with a port that is not the usual one."""
    headers = {
        "host": host, "x-acs-action": action, "x-acs-version": version, "x-acs-date": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce, "x-acs-content-sha256": NOTHING,
    }  # fmt: skip
    return {**headers, "Authorization": authorization(key, canonical_query(parameters), headers)}


def authorization(key: AccessKey, query: str, headers: Mapping[str, str]) -> str:
    """The header's value over these headers, all of them signed."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    listed = ";".join(names)
    request = "\n".join(("POST", "/", query, lines, listed, headers["x-acs-content-sha256"]))
    said = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    mac = hmac.new(key.secret.encode(), said.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key.id},SignedHeaders={listed},Signature={mac}"


def log_service_headers(
    key: AccessKey, path: str, parameters: Mapping[str, str], *, at: datetime
) -> dict[str, str]:
    """Of a GET to 日志服务 (SLS), whose signature is another: HMAC-SHA1 over ``path`` and the parameters as they are.

    https://help.aliyun.com/zh/sls/developer-reference/request-signatures
    """
    headers = {"x-log-apiversion": "0.6.0", "x-log-signaturemethod": "hmac-sha1"}
    date = format_datetime(at, usegmt=True)
    asked = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signed = [f"{name}:{headers[name]}" for name in sorted(headers)]
    lines = "\n".join(("GET", "", "", date, *signed, f"{path}?{asked}" if asked else path))
    mac = base64.b64encode(hmac.new(key.secret.encode(), lines.encode(), hashlib.sha1).digest())
    return {**headers, "Date": date, "Authorization": f"LOG {key.id}:{mac.decode()}"}


VERSION: Final = "2018-12-03"
ACTION: Final = "DescribeSuspEvents"
PAGE: Final = 100  # the most that it gives
TRIES: Final = 3
_LARGEST: Final = 16 << 20
_ZONE: Final[tzinfo] = ZoneInfo("Asia/Shanghai")  # of the times in a query, as the console shows them
_IDENTITY: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "InvalidSecurityToken",
    "MissingAccessKeyId",
)
_RIGHTS: Final = ("Forbidden", "NoPermission", "ActionUnauthorized", "UserNotAuthorized")
_CLOCK: Final = ("InvalidTimeStamp", "IllegalTimestamp")
_BUSY: Final = ("Throttling", "ServiceUnavailable", "FlowControl")


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """Alerts that happened in this time, or with ``handled`` those that somebody dealt with in it."""

    start: datetime
    end: datetime
    handled: bool = False

    def parameters(self) -> dict[str, str]:
        """Of the query; the order of unhandled ones cannot be chosen."""
        first, last = (f"{at.astimezone(_ZONE):%Y-%m-%d %H:%M:%S}" for at in (self.start, self.end))
        if self.handled:
            return {
                "Dealed": "Y",
                "OperateTimeStart": first,
                "OperateTimeEnd": last,
                "SortColumn": "operateTime",
                "SortType": "asc",
            }
        return {"Dealed": "N", "TimeStart": first, "TimeEnd": last}


@dataclass(frozen=True, slots=True)
class AlertPage:
    """``body`` as it came, for the importer."""

    body: bytes
    count: int
    total: int


def read_page(settings: AliyunSettings, span: AlertSpan, number: int) -> AlertPage:
    """One page. Raises BadCredentials, RateLimited after a few tries, RemoteError, ConfigError."""
    return asyncio.run(fetch_page(settings, span, number))


def pages(settings: AliyunSettings, span: AlertSpan) -> Iterator[AlertPage]:
    """Until all that the first answers promised has come; raises as `read_page`."""
    number, seen = 1, 0
    while (page := read_page(settings, span, number)).count:
        yield page
        number, seen = number + 1, seen + page.count
        if seen >= page.total:
            return


async def fetch_page(settings: AliyunSettings, span: AlertSpan, number: int, size: int = PAGE) -> AlertPage:
    """As `read_page`, in a loop."""
    backoff = Backoff(base=settings.pause_s, cap=8.0)
    asked = {
        **span.parameters(),
        "CurrentPage": str(number),
        "PageSize": str(size),
        "Lang": "zh",
        "From": "sas",
    }
    async with HttpClient(pool=1, ca=settings.ca) as http:
        for left in reversed(range(TRIES)):
            try:
                return _understood(await _call(settings, http, asked))
            except RateLimited:
                if not left:
                    raise
                await asyncio.sleep(backoff.next())
    raise AssertionError("the last try raises")


async def _call(settings: AliyunSettings, http: HttpClient, asked: Mapping[str, str]) -> Response:
    headers = signed_headers(
        AccessKey(settings.access_key_id, settings.access_key_secret), urlsplit(settings.address).netloc, ACTION, VERSION,
        asked, at=datetime.now(UTC), nonce=secrets.token_hex(16),
    )  # fmt: skip
    return await http.request(
        "POST", f"{settings.address}/?{canonical_query(asked)}", headers=headers, timeout=30.0,
        proxy=settings.proxy, max_bytes=_LARGEST,
    )  # fmt: skip


def _understood(answer: Response) -> AlertPage:
    told = answer.json()
    if not isinstance(told, dict):
        raise RemoteError(
            "云安全中心的应答不是预期的格式：请检查接入地址。", permanent=False, status=answer.status
        )
    if answer.status != 200 or "SuspEvents" not in told:
        raise _error(answer, told)
    events = told["SuspEvents"]
    total = told.get("TotalCount")
    if not isinstance(events, list) or not isinstance(total, int):
        raise RemoteError("云安全中心的应答缺少 SuspEvents 或 TotalCount。", permanent=False, status=200)
    return AlertPage(answer.body, len(events), total)


def _error(answer: Response, told: Mapping[str, Any]) -> RemoteError:
    code, said = str(told.get("Code") or "")[:100], str(told.get("Message") or "")[:200]
    shown = (
        f"（{code or f'HTTP {answer.status}'}：{said}）" if said else f"（{code or f'HTTP {answer.status}'}）"
    )
    if code.startswith(_BUSY) or answer.status in (429, 503):
        return RateLimited(
            f"云安全中心要求放慢{shown}：稍后自动再试。", retry_after=60, status=answer.status, code=code
        )
    if code.startswith(_IDENTITY):
        return BadCredentials(
            f"云安全中心不接受这个 AccessKey{shown}：请核对 AccessKey ID 和 Secret，确认没有被禁用。",
            code=code,
        )
    if code.startswith(_RIGHTS):
        return BadCredentials(
            f"这个 AccessKey 没有权限{shown}：请在 RAM 中授予 yundun-sas:DescribeSuspEvents（AliyunYundunSASReadOnlyAccess）。",
            code=code,
        )
    if code.startswith(_CLOCK):
        return RemoteError(
            f"本机时间与云安全中心相差超过 15 分钟{_skew(answer)}：请校准这台机器的时间（NTP）。",
            permanent=False,
            status=answer.status,
            code=code,
        )
    return RemoteError(
        f"云安全中心返回错误{shown}。", permanent=400 <= answer.status < 500, status=answer.status, code=code
    )


def _skew(answer: Response) -> str:
    """By how much, if the answer tells its time."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
        minutes = (datetime.now(UTC) - theirs).total_seconds() / 60
    except (TypeError, ValueError):
        return ""
    return f"（本机{'快' if minutes > 0 else '慢'} {abs(minutes):.0f} 分钟）"
