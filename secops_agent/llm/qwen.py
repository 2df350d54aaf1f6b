"""通义千问 through the dashscope SDK: the LLM port on both of its endpoints.

Everything is given per call (key, address, workspace, session): the SDK's module globals belong to no tenant.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp

from bifang import env
from bifang.core.errors import BadCredentials, BifangError, RemoteError
from secops_agent import says
from secops_agent.llm import qwen_session
from secops_agent.llm.errors import ErrorBook, Matches, cut_error, seconds_of, timeout_error
from secops_agent.llm.types import Completion, Delta, Message, ModelSettings, OnDelta, Request, Terms, Usage
from secops_agent.llm.wire import Merge, call_of, encodable, tool_of

Endpoint = Literal["text", "multimodal"]


def parameters(request: Request, endpoint: Endpoint, enable_thinking: bool) -> dict[str, Any]:
    """The keyword arguments of the SDK's ``call`` that describe ``request``."""
    found: dict[str, Any] = {
        "messages": [_message(message, endpoint) for message in request.messages],
        "stream": True,
        "incremental_output": True,
        "result_format": "message",
        "enable_thinking": enable_thinking,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    if request.tools:
        found["tools"] = [tool_of(spec) for spec in request.tools]
        found["tool_choice"] = request.tool_choice
        found["parallel_tool_calls"] = True
    return found


def _message(message: Message, endpoint: Endpoint) -> dict[str, Any]:
    content: Any = encodable(message.content)
    if endpoint == "multimodal" and message.role != "tool":
        content = [{"text": content}] if content else []
    found: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        found["tool_calls"] = [call_of(index, call) for index, call in enumerate(message.tool_calls)]
    if message.role == "tool":
        found |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return found


def take(merge: Merge, event: Mapping[str, Any]) -> Delta | None:
    """Merge one event of the stream; returns what is new to show, if anything. Usage is cumulative in each event."""
    merge.request_id = event.get("request_id") or merge.request_id
    usage = event.get("usage") or {}
    if usage:
        details = usage.get("prompt_tokens_details") or {}
        numbers = (usage.get("input_tokens"), usage.get("output_tokens"), details.get("cached_tokens"))
        merge.usage = Usage(*(int(number or 0) for number in numbers))
    choices = (event.get("output") or {}).get("choices") or []
    return merge.take(choices[0].get("message") or {}, choices[0].get("finish_reason")) if choices else None


_WHERE = "请在管理后台「系统配置」里打开这条通义千问配置"

# Seconds to wait when the service names none: rates are counted per second, quotas per minute.
_RETRY_AFTER_S = {"throttling.burstrate": 3.0, "throttling.allocationquota": 10.0}

_KINDS: tuple[tuple[str, Matches], ...] = (
    ("endpoint", lambda status, code, text: "url error" in text),
    ("content_filter", lambda status, code, text: code.replace("_", "").startswith("datainspection")),
    ("arrears", lambda status, code, text: code.startswith("arrear") or "overdue-payment" in text),
    ("throttled", lambda status, code, text: code.startswith("throttling") or status == 429),
    ("intercepted", lambda status, code, text: code == "unknown" and 400 <= status < 500),
    ("credentials", lambda status, code, text: "apikey" in code.replace("_", "") or status == 401),
    ("model", lambda status, code, text: code.startswith(("modelnotfound", "model.notexist", "model_not"))),
    ("free_quota", lambda status, code, text: code.startswith("allocationquota")),
    ("denied", lambda status, code, text: "accessdenied" in code or status == 403),
    (
        "context_overflow",
        lambda status, code, text: "range of input length" in text or "context length" in text,
    ),
    ("thinking", lambda status, code, text: "enable_thinking" in text),
    (
        "server",
        lambda status, code, text: code.startswith(("internalerror", "modelunavailable", "modelserving")),
    ),
    ("server", lambda status, code, text: status >= 500),
    ("model", lambda status, code, text: status == 404),
)

_TEXTS = {
    "endpoint": f"接口类型不对：模型「{{model}}」不在当前的接口上。{_WHERE}，把「接口类型」改为另一种（文本或多模态），或改为自动。",
    "content_filter": "内容安全拦截：通义千问的内容审核拒绝了这次的问题或回答。请换一种说法，去掉可能触发审核的原文后再问。",
    "arrears": "账号欠费：阿里云百炼账号已欠费，通义千问停止服务。请到阿里云控制台充值，几分钟后自动恢复。",
    "credentials": f"凭证错误：通义千问不接受这个 API Key。{_WHERE}，核对 API Key 是否完整、是否已删除、是否与接口地址的地域一致。",
    "model": f"模型不存在：通义千问没有名为「{{model}}」的模型，或当前地域没有提供。{_WHERE}，核对「模型」。",
    "denied": f"没有权限：这个账号或业务空间不能使用模型「{{model}}」。请在百炼控制台开通该模型并授权，或{_WHERE}更换模型。",
    "free_quota": "免费额度已用完：账号设置为额度用完即停。请在百炼控制台关闭「仅使用免费额度」或更换模型。",
    "context_overflow": f"上下文过长：这次对话超过了模型「{{model}}」能读的长度。请缩小查询范围，或发送「{says.FORGET}」重新开始。",
    "thinking": f"思考模式设置不对：模型「{{model}}」不接受当前的思考开关。{_WHERE}，改变「启用思考」后保存。",
    "rejected": "通义千问拒绝了这次请求。{remote}",
}
_TRANSIENT = {
    "throttled": "请求过于频繁：通义千问正在限流（{code}）。请稍后再试；若经常出现，请在百炼控制台提高模型「{model}」的额度。",
    "server": "通义千问服务暂时出错（{status_text}），稍后会自动恢复。",
    "intercepted": "收到的不是通义千问的应答（{status_text}），多半被代理、防火墙或上网认证拦截。请检查服务器的出口网络和接口地址。",
}
# Codes of our own, that the agent loop acts on; everything else keeps the service's code.
_OWN_CODES = {"content_filter": "content_filter", "context_overflow": "context_overflow", "endpoint": "endpoint",
              "arrears": "arrears", "intercepted": "network"}  # fmt: skip
_BOOK = ErrorBook(_KINDS, _TEXTS, _TRANSIENT, _OWN_CODES, _RETRY_AFTER_S)
remote_error, classify = _BOOK.error, _BOOK.classify


def transport_error(error: BaseException) -> BifangError:
    """The error for a failure on the way (no usable answer); never quotes ``error``, which may hold headers."""
    if isinstance(error, BifangError):
        return error
    if isinstance(error, TimeoutError):
        return timeout_error("通义千问没有及时回应", "timeout")
    if isinstance(error, aiohttp.ContentTypeError):
        return remote_error("", "", 400, "Unknown", "")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        said = "连不上通义千问：请检查服务器的出口网络、DNS、代理和接口地址（base_url）。"
    elif isinstance(error, aiohttp.ClientError | OSError):
        return cut_error("通义千问")
    else:
        said = f"通义千问返回了无法识别的内容（{type(error).__name__}），请稍后再试；若一直如此，请检查接口地址。"
        return RemoteError(said, permanent=False, code="bad_response")
    return RemoteError(said, permanent=False, code="network")


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
