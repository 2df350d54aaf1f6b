"""One visit to a REST API: requests as people wrote them, and what the answers mean."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.http import HttpClient, Response
from bifang.core.requests.buckets import Bucket
from bifang.core.secrets.redaction import redact
from secops_agent.connectors.aliyun.client import AccessKey, log_service_headers, signed_headers
from secops_agent.connectors.http_tools.config import ALIYUN_KEYS, HttpToolSettings
from secops_agent.connectors.mcp.content import Answered, read_result
from secops_agent.connectors.mcp.wire import McpRefusal
from secops_agent.services.faults import Conflict
from secops_agent.services.mcp.definitions import OfferedTool, ReadyTool
from secops_agent.services.mcp.http import SECRET, HttpTool, Success
from secops_agent.services.mcp.http_requests import FilledRequest, extract, fill, values_of

LARGEST: Final = 2 * 1024 * 1024  # bytes of one answer
MOST_ROWS: Final = 1000  # of all pages
LARGEST_STORED: Final = 32 * 1024 * 1024  # bytes of one page that goes into the database
MOST_LISTED: Final = 50  # pages of what a device has
_CURSORS: Final = ("$skip", "$skiptoken")  # OData's
MOST_PAGES: Final = 10_000  # of one time
_SHOWN: Final = 300
_AGAIN_S: Final = 30.0
Pages = Callable[[str, Mapping[str, Any]], Iterator[Any]]
_buckets: dict[tuple[int, str, int], Bucket] = {}


class HttpToolSession:
    """As `ToolSession`; nothing is sent before a tool is called."""

    def __init__(self, settings: HttpToolSettings, http: HttpClient) -> None:
        self._settings, self._http = settings, http
        self._place = f"HTTP 工具「{settings.name}」"
        self._secrets = {f"{SECRET}{name}": text for name, text in settings.secrets.items()}
        self._token: dict[str, str] = {}
        self.server: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def offered(self) -> Sequence[OfferedTool]:
        """What people wrote."""
        tools = self._settings.tools.items()
        return [tool.offered(name, self._settings.base_url) for name, tool in tools if tool.enabled]

    async def answer(self, tool: ReadyTool, arguments: Mapping[str, Any]) -> Answered:
        """As `ToolSession`."""
        written = self._written(tool)
        if written.pages:
            return _told(await self._all_pages(written, arguments))
        values = values_of(written, arguments) | self._secrets
        if self._settings.login and not self._token:
            await self._sign_in()
        answer = await self._send(fill(written.request, self._settings.base_url, values), written.timeout_s)
        return self._understand(written, answer)

    def pages(self, tool: ReadyTool) -> AsyncGenerator[Any, None]:
        """All that a query without arguments finds, as data. Raises as `answer`."""
        return self.found(self._written(tool), {}, MOST_LISTED)

    def _written(self, tool: ReadyTool) -> HttpTool:
        """As it was agreed to, and within its rate."""
        written = self._settings.tools.get(tool.name)
        if written is None or written.offered(tool.name, self._settings.base_url).digest != tool.pin:
            raise Conflict(f"{self._place}的工具「{tool.name}」刚刚改了，没有执行。请重新核对。")
        self._count(tool.name, written.rate)
        return written

    def _count(self, name: str, rate: int) -> None:
        now = time.monotonic()
        bucket = _buckets.setdefault((self._settings.id, name, rate), Bucket(rate, now))
        if wait := bucket.take(now):
            told = f"{self._place}的工具「{name}」每分钟最多 {rate} 次，请 {wait:.0f} 秒后再试。"
            raise RateLimited(told, retry_after=wait)

    async def _sign_in(self) -> None:
        login = self._settings.login
        assert login is not None
        try:
            base = login.base_url.rstrip("/") or self._settings.base_url
            answer = await self._send(fill(login.request, base, self._secrets), 0, bare=bool(login.base_url))
            self._check_status(answer, login.success, {})
            data = self._data(answer, needed=True)
        except RemoteError as error:
            raise RemoteError(f"登录没有成功：{error.message}", permanent=False, code="login") from None
        token = None if _failed(data, login.success) else extract(data, login.extract)
        if not isinstance(token, str | int) or not str(token).isprintable() or not str(token).isascii():
            raise BadCredentials(
                f"{self._place}登录没有成功：{_words(data, login.success) or '没有给出令牌'}。请核对密钥。"
            )
        self._token = {login.header: login.value.replace("{token}", str(token))}

    async def found(
        self, tool: HttpTool, arguments: Mapping[str, Any], most: int, largest: int = LARGEST
    ) -> AsyncGenerator[Any, None]:
        """What every page has, to the last, or ``most``. Raises as `answer`, and where a page says that it failed."""
        values, pages = values_of(tool, arguments) | self._secrets, tool.pages
        if self._settings.login and not self._token:
            await self._sign_in()
        more: dict[str, str] = {pages.query: str(pages.first)} if pages and not pages.next else {}
        for number in range(most):
            request = fill(tool.request, self._settings.base_url, values, more)
            data = self._checked(tool, await self._send(request, tool.timeout_s, largest))
            yield (found := extract(data, tool.extract))
            if pages is None or (not pages.next and not (isinstance(found, list) and found)):
                return
            counted = {pages.query: str(pages.first + (number + 1) * pages.step)}
            before, more = more, _next_page(extract(data, pages.next), pages.query) if pages.next else counted
            if not more or more == before:
                return

    async def _send(
        self, request: FilledRequest, timeout_s: float, largest: int = LARGEST, *, bare: bool = False
    ) -> Response:
        """``bare``: to another host, whose business our headers are not."""
        settings, url = self._settings, request.url
        headers = {} if bare else {**settings.headers, **self._token, **self._signature(request)}
        return await self._http.request(
            request.method, url, json=request.json, headers=headers, timeout=timeout_s or settings.timeout_s,
            form=aiohttp.FormData(request.form) if request.form else None, proxy=settings.proxy, max_bytes=largest,
        )  # fmt: skip

    def _signature(self, request: FilledRequest) -> dict[str, str]:
        if not self._settings.sign:
            return {}
        query = dict(request.query)
        key = AccessKey(*(self._settings.secrets[name] for name in ALIYUN_KEYS))
        if self._settings.sign == "aliyun_sls":
            return log_service_headers(key, unquote(urlsplit(request.url).path), query, at=datetime.now(UTC))
        return signed_headers(
            key, urlsplit(request.url).netloc, query.get("Action", ""), query.get("Version", ""), query,
            at=datetime.now(UTC), nonce=secrets.token_hex(16),
        )  # fmt: skip

    async def _all_pages(self, tool: HttpTool, arguments: Mapping[str, Any]) -> Any:
        """The rows of every page; what is no list is one page."""
        assert tool.pages is not None
        rows: list[Any] = []
        async with aclosing(self.found(tool, arguments, tool.pages.most)) as pages:
            async for found in pages:
                if not isinstance(found, list):
                    return found
                rows += found[: MOST_ROWS - len(rows)]
                if not found or len(rows) >= MOST_ROWS:
                    break
        return rows

    def _understand(self, tool: HttpTool, answer: Response) -> Answered:
        """A refusal in the answer's own words is a failure; an answer that is none of what was expected is an error."""
        data = self._checked(tool, answer, lenient=True)
        if isinstance(data, Answered):
            return data
        found = extract(data, tool.extract)
        told = tool.errors.get(str(answer.status), "")
        return Answered(told, failed=False) if found is None and told else _told(found)

    def _checked(self, tool: HttpTool, answer: Response, *, lenient: bool = False) -> Any:
        """The data of an answer that says it was done; an `Answered` that failed, or (not ``lenient``) an error."""
        self._check_status(answer, tool.success, tool.errors)
        data = self._data(answer, needed=bool(tool.success.fields))
        if not _failed(data, tool.success):
            return data
        codes = [str(extract(data, path)) for path in tool.success.fields]
        told = next((tool.errors[code] for code in codes if code in tool.errors), "") or _words(
            data, tool.success
        )
        failed = Answered(told or f"对方报告失败（{_clean('、'.join(codes))}）。", failed=True)
        if lenient:
            return failed
        raise McpRefusal(
            f"{self._place}：{failed.text}", permanent=True, status=answer.status, code="refused"
        )

    def _check_status(self, answer: Response, success: Success, errors: Mapping[str, str]) -> None:
        status = answer.status
        if status in success.status or (not success.status and 200 <= status < 300):
            return
        told = errors.get(str(status), "") or _clean(_words(_maybe_json(answer), success))
        if status in (401, 403):
            told = told or "请检查请求头（headers）或密钥（secrets）"
            raise BadCredentials(f"{self._place}不接受我们的凭证（HTTP {status}）：{told}。", status=status)
        if status == 429:
            raise RateLimited(f"{self._place}要求稍后再试（HTTP 429）。{told}", retry_after=_AGAIN_S)
        shown = f"{self._place}返回 HTTP {status}：{told or '请核对工具的写法和对方的日志'}。"
        if 400 <= status < 500 and status != 408:
            raise McpRefusal(shown, permanent=True, status=status, code="http")
        raise RemoteError(shown, permanent=False, status=status, code="http")

    def _data(self, answer: Response, *, needed: bool) -> Any:
        """JSON; a text where none is ``needed``; None for an empty body. A page for people is what gateways send."""
        data = _maybe_json(answer)
        page = answer.headers.get("Content-Type", "").startswith("text/html")
        if data is None and answer.body.strip() and (needed or page):
            shown = f"{self._place}的应答不是 JSON：可能被登录页或代理拦截，请核对地址。"
            raise RemoteError(shown, permanent=False, status=answer.status, code="bad_answer")
        if data is None and needed:
            raise RemoteError(
                f"{self._place}的应答是空的。", permanent=False, status=answer.status, code="bad_answer"
            )
        return answer.body.decode("utf-8", "replace") if data is None and answer.body else data


def _maybe_json(answer: Response) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _failed(data: Any, success: Success) -> bool:
    wanted = ((path, one if isinstance(one, list) else [one]) for path, one in success.fields.items())
    return any(extract(data, path) not in values for path, values in wanted)


def _words(data: Any, success: Success) -> str:
    found = extract(data, success.message) if success.message else None
    return _clean(str(found)) if isinstance(found, str | int) else ""


def _clean(text: str) -> str:
    return literal(visible(redact(text)).replace("\n", " "))[:_SHOWN]


def _told(found: Any) -> Answered:
    if isinstance(found, dict | list):
        return read_result({"structuredContent": found})
    return read_result({"content": [{"type": "text", "text": "" if found is None else str(found)}]})


def _next_page(found: Any, name: str) -> dict[str, str]:
    """What the query of the next page has more: its cursor, as it stands there or in the address of the next page, which is
    never followed itself, nor may it change what else is asked.
    """
    text = str(found) if isinstance(found, str | int) and found else ""
    if "?" not in text:
        return {name: text[:2000]} if text and name else {}
    given = parse_qsl(urlsplit(text).query)
    return {key: value[:2000] for key, value in given if (key == name if name else key.lower() in _CURSORS)}


@contextmanager
def visit(settings: HttpToolSettings) -> Iterator[Pages]:
    """One client and one signing in for all that is asked meanwhile, one page after the other.

    Gives what yields the pages of a query, as data, for who stores them: (tool, arguments). That raises RemoteError.
    """
    nothing = object()
    with asyncio.Runner() as runner:
        http = HttpClient(pool=2, ca=settings.ca)  # an entry is asked for while the list is still read
        session = HttpToolSession(settings, http)

        def pages(name: str, arguments: Mapping[str, Any]) -> Iterator[Any]:
            found = session.found(settings.tools[name], arguments, MOST_PAGES, LARGEST_STORED)

            async def one() -> Any:
                return await anext(found, nothing)

            try:
                while (page := runner.run(one())) is not nothing:
                    yield page
            finally:
                runner.run(found.aclose())

        try:
            yield pages
        finally:
            runner.run(http.close())
