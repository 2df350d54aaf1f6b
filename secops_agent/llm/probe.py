"""Does a model do what the agent needs? Asked once, with a tool that gives a number nobody can guess."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from bifang.core.errors import BadCredentials, BifangError, RemoteError
from bifang.core.outbound.http import Response
from secops_agent.llm.openai import OpenAI, OpenAISettings, client, close_clients, error_of
from secops_agent.llm.types import LLM, Completion, Message, Request, ToolCall, ToolSpec
from secops_agent.llm.written_calls import read_calls

ProbeOutcome = Literal["ok", "refused", "unreachable", "no_tools"]
SECONDS: Final = 60.0
SMALLEST_WINDOW: Final = 8192  # tokens: the tools alone are three to four thousand
_LISTED: Final = 50
_CODE: Final = "7391"
_TOOL = ToolSpec(
    "read_code", "读取校验码。", {"type": "object", "properties": {}, "additionalProperties": False}
)
_QUESTION = (
    Message("system", "你是一个测试程序。"),
    Message("user", "调用工具 read_code 读取校验码，然后只回答这个校验码。"),
)
# Small models that see tools go on calling; the agent ends its turns with such a note, too.
_ANSWER = Message("user", "现在没有工具可用了：请只根据上面已有的结果直接回答。")
_NO_CALL = (
    "模型能回答，但没有调用工具，只写了文字。常见原因：vLLM 启动时缺少 --enable-auto-tool-choice --tool-call-parser hermes"
    "（或解析器与模型不符）；Ollama 的上下文只有 4096，工具说明被截掉了；模型太小。也可以把「工具调用」改为 JSON 再测试。"
)
_WRITTEN = " 注意：它把调用写成了文字，毕方能读懂；给服务配上与模型相符的工具解析器更可靠。"
_AWAY = ("connect", "dns", "tls", "proxy", "network", "timeout", "redirect", "queue", "busy")
_OLLAMA = (
    "Ollama 默认的上下文只有 4096，超出的部分会被悄悄丢掉：请用 OLLAMA_CONTEXT_LENGTH=16384 启动 ollama serve"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """``text`` says in Chinese what was found and what to do; ``models`` what the server offers; ``window`` its context."""

    outcome: ProbeOutcome
    text: str
    models: tuple[str, ...] = ()
    window: int = 0


async def probe_tools(llm: LLM) -> Probe:
    """One round trip with a tool call, in at most `SECONDS`. Never raises BifangError."""
    try:
        async with asyncio.timeout(SECONDS):
            return await _round_trip(llm)
    except TimeoutError:
        return Probe("unreachable", f"{SECONDS:g} 秒内没有完成一次带工具的问答：模型服务太慢，或没有应答。")
    except BifangError as error:
        return Probe(_outcome(error), error.message)


async def _round_trip(llm: LLM) -> Probe:
    if not llm.terms.calls:
        return await _words_only(llm)
    first = await llm.complete(Request(_QUESTION, (_TOOL,), max_tokens=600, timeout=SECONDS))
    called = [call for call in first.message.tool_calls if call.name == _TOOL.name]
    calls = called or read_calls(first.message.content, {_TOOL.name})  # as the agent does
    if not calls:
        return Probe("no_tools", _NO_CALL)
    result = Message("tool", f"校验码是 {_CODE}", tool_call_id=calls[0].id, name=_TOOL.name)
    asked = Message("assistant", "", (calls[0],))  # as the agent does: a call that was written stands once
    dialogue = (*_QUESTION, asked, result, _ANSWER)
    second = await llm.complete(
        Request(dialogue, (_TOOL,), tool_choice="none", max_tokens=600, timeout=SECONDS)
    )
    if _CODE not in second.message.content:
        return Probe("no_tools", "模型调用了工具，但没有用上工具的结果（回答里没有校验码）：多半是模型太小。")
    written = "" if called else _WRITTEN
    return Probe("ok", f"可以使用：模型调用了工具并用上了结果{_tokens(first, second)}。{written}")


async def _words_only(llm: LLM) -> Probe:
    call = ToolCall("looked-up", _TOOL.name, "{}")
    result = Message("tool", f"校验码是 {_CODE}", tool_call_id=call.id, name=_TOOL.name)
    dialogue = (*_QUESTION, Message("assistant", "", (call,)), result, _ANSWER)
    done = await llm.complete(Request(dialogue, max_tokens=600, timeout=SECONDS))
    if _CODE not in done.message.content:
        return Probe("no_tools", "模型没有用上给它的结果（回答里没有校验码）：多半是模型太小。")
    return Probe("ok", f"可以使用：模型用上了给它的结果{_tokens(done)}。它不调用工具，由毕方先查好。")


def _tokens(*done: Completion) -> str:
    used = sum(one.usage.input_tokens + one.usage.output_tokens for one in done)
    return f"（用了 {used} token）" if used else ""


def _outcome(error: BifangError) -> ProbeOutcome:
    code = error.code if isinstance(error, RemoteError) else ""
    if code == "no_tools":
        return "no_tools"
    away = code in _AWAY or (isinstance(error, RemoteError) and not error.permanent)
    return "unreachable" if away and not isinstance(error, BadCredentials) else "refused"


async def probe_server(settings: OpenAISettings) -> Probe:
    """What a self-hosted server offers, and whether its model calls tools. Never raises BifangError."""
    try:
        models = await _models(settings)
        names = tuple(models)[:_LISTED]
        if not settings.model:
            return Probe("refused", "还没有选择模型：请从服务提供的模型中选择一个。", names)
        found = await probe_tools(OpenAI(settings))
        window = models.get(settings.model, 0) or await _ollama_window(settings)
    except BifangError as error:
        return Probe(_outcome(error), error.message)
    finally:
        await close_clients()
    return Probe(found.outcome, found.text + _too_small(settings, window), names, max(window, 0))


async def _models(settings: OpenAISettings) -> dict[str, int]:
    """Name and context (tokens; 0: not told) of what the server offers; nothing if it does not tell."""
    answer = await _get(settings, f"{settings.base_url}/models")
    if answer.status in (401, 403):
        code, text = error_of(answer.body)
        raise BadCredentials(
            f"凭证错误：模型服务不接受这个 API Key（HTTP {answer.status} {code or text}）。"[:200]
        )
    listed = _read(answer).get("data")
    rows = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return {str(one["id"]): _number(one.get("max_model_len")) for one in rows if one.get("id")}


async def _ollama_window(settings: OpenAISettings) -> int:
    """The context that Ollama gave the model; -1: it is Ollama, and does not tell; 0: another server."""
    root = settings.base_url.removesuffix("/v1")
    if not _read(await _get(settings, f"{root}/api/version")).get("version"):
        return 0
    loaded = _read(await _get(settings, f"{root}/api/ps")).get("models")
    rows = [one for one in loaded if isinstance(one, Mapping)] if isinstance(loaded, list) else []
    mine = (
        one.get("context_length") for one in rows if settings.model in (one.get("model"), one.get("name"))
    )
    return _number(next(mine, None)) or -1


async def _get(settings: OpenAISettings, url: str) -> Response:
    http = client(settings)
    return await http.request("GET", url, headers=settings.headers, proxy=settings.proxy)


def _read(answer: Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except RemoteError:
        found = None
    return found if isinstance(found, Mapping) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _too_small(settings: OpenAISettings, window: int) -> str:
    wanted = settings.context_window
    if window < 0:
        return f" 注意：{_OLLAMA}，再用 ollama ps 核对 CONTEXT 一列。"
    if 0 < window < wanted:
        ollama = f" {_OLLAMA}。" if window == 4096 else ""
        return f" 注意：服务实际的上下文只有 {window} token，而配置写的是 {wanted}：请改成一致。{ollama}"
    if min(wanted, window or wanted) < SMALLEST_WINDOW:
        return f" 注意：上下文 {wanted} token 偏小，工具说明就占三四千，长的结果和对话会被截短；建议至少 {SMALLEST_WINDOW}。"
    return ""
