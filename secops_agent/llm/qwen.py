"""通义千问 through the dashscope SDK: the LLM port on both of its endpoints.

Everything is given per call (key, address, workspace, session): the SDK's module globals belong to no tenant.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

from bifang import env
from bifang.core.errors import BadCredentials, BifangError, RemoteError
from secops_agent.llm import qwen_session
from secops_agent.llm.errors import cut_error, seconds_of, timeout_error
from secops_agent.llm.qwen_errors import remote_error, transport_error
from secops_agent.llm.qwen_wire import Endpoint, parameters, take
from secops_agent.llm.types import Completion, ModelSettings, OnDelta, Request, Terms
from secops_agent.llm.wire import Merge

OFFICIAL_URL: Final = "https://dashscope.aliyuncs.com/api/v1"
_OK = 200
# The SDK resends a request that its own socket time-out ended; ours always fires first.
_SDK_MARGIN_S = 30.0

# Which endpoint a model turned out to live on, by (address, model). Learned from "url error" answers.
_endpoints: dict[tuple[str, str], Endpoint] = {}


@dataclass(frozen=True, slots=True)
class QwenSettings(ModelSettings):
    """One 通义千问 configuration.

    ``base_url`` "" means DASHSCOPE_HTTP_BASE_URL, else the official address. ``endpoint`` "auto" starts with
    text and switches once a model answers "url error".
    """

    endpoint: Literal["text", "multimodal", "auto"] = "auto"
    workspace: str = ""
    enable_thinking: bool = False

    @property
    def address(self) -> str:
        """The base URL that is called."""
        return self.base_url or env.text("DASHSCOPE_HTTP_BASE_URL") or OFFICIAL_URL


class Qwen:
    """The LLM port over DashScope. Cheap to build; safe to share between tasks and event loops."""

    offline = False

    def __init__(self, settings: QwenSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.terms = Terms(settings.config_id)  # room for a million tokens and more

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """Run one streamed completion; see the port for the errors. ``on_delta`` is called in the loop."""
        _check_key(self.settings.api_key)
        try:
            async with asyncio.timeout(request.timeout):
                return await self._complete_on_either(request, on_delta)
        except TimeoutError:
            late = timeout_error(f"通义千问在 {request.timeout:g} 秒内没有答完")
        # Raised outside of the handler: no chained exception with request headers hangs on ours.
        raise late

    async def _complete_on_either(self, request: Request, on_delta: OnDelta | None) -> Completion:
        settings, key = self.settings, (self.settings.address, self.settings.model)
        if settings.endpoint != "auto":
            return await self._complete_on(settings.endpoint, request, on_delta)
        first = _endpoints.get(key, "text")
        try:
            return await self._complete_on(first, request, on_delta)
        except RemoteError as error:
            if error.code != "endpoint":
                raise
        other: Endpoint = "multimodal" if first == "text" else "text"
        completion = await self._complete_on(other, request, on_delta)
        _endpoints[key] = other
        return completion

    async def _complete_on(
        self, endpoint: Endpoint, request: Request, on_delta: OnDelta | None
    ) -> Completion:
        merge = Merge()
        failure: BifangError
        try:
            async with asyncio.timeout(self.settings.first_timeout) as patience:
                await self._read(endpoint, request, on_delta, merge, patience)
            return self._finish(merge)
        except TimeoutError:
            failure = timeout_error("通义千问没有及时回应")
        except BifangError as error:
            failure = error
        except Exception as error:
            failure = transport_error(error)
        raise failure

    async def _read(
        self,
        endpoint: Endpoint,
        request: Request,
        on_delta: OnDelta | None,
        merge: Merge,
        patience: asyncio.Timeout,
    ) -> None:
        clock = asyncio.get_running_loop()
        async with aclosing(await self._stream(endpoint, request)) as chunks:
            async for chunk in chunks:
                patience.reschedule(clock.time() + self.settings.stall_timeout)
                self._check(chunk)
                delta = take(merge, chunk)
                if delta is not None and on_delta is not None:
                    on_delta(delta)

    async def _stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Any, None]:
        settings, sdk = self.settings, await qwen_session.loaded_sdk()
        caller = sdk.text if endpoint == "text" else sdk.multimodal
        stream: AsyncGenerator[Any, None] = await caller.call(
            model=settings.model,
            api_key=settings.api_key,
            base_address=settings.address,
            workspace=settings.workspace or None,
            session=qwen_session.session(settings.address, settings.proxy),
            request_timeout=request.timeout + _SDK_MARGIN_S,
            **parameters(request, endpoint, settings.enable_thinking),
        )
        return stream

    def _check(self, chunk: Any) -> None:
        """Raise what an error event or an HTTP error answer says."""
        if chunk.get("status_code") != _OK:
            settings, status = self.settings, int(chunk.get("status_code") or 0)
            code, text = str(chunk.get("code") or ""), str(chunk.get("message") or "")
            wait = _retry_after(chunk.get("headers") or {})
            raise remote_error(settings.model, settings.api_key, status, code, text, wait)

    def _finish(self, merge: Merge) -> Completion:
        if merge.refused:
            raise remote_error(self.settings.model, "", 400, "DataInspectionFailed", "")
        if not merge.finished:
            raise cut_error("通义千问")
        return merge.completion(self.settings.model)


def _check_key(api_key: str) -> None:
    """Without a key the SDK would quietly use whatever key the process or the home directory has."""
    if not api_key:
        raise BadCredentials("凭证错误：没有填写通义千问的 API Key。请在管理后台「系统配置」里补上。")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise BadCredentials(
            "凭证错误：API Key 里有空格、换行或非英文字符。请在管理后台「系统配置」里重新粘贴。"
        )


def _retry_after(headers: Any) -> float:
    """Of a Retry-After header (DashScope was not seen to send one)."""
    return seconds_of(
        str(next((value for name, value in dict(headers).items() if name.lower() == "retry-after"), ""))
    )
