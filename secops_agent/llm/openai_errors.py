"""How servers that speak OpenAI's wire say what is wrong: vLLM, SGLang, Ollama, llama.cpp, LM Studio, gateways.

Nothing is standard but the status, and not always that: the texts are what these servers really write.
"""

from typing import Final

from secops_agent import says
from secops_agent.llm.errors import ErrorBook, Matches

_WHERE = "请在管理后台「系统配置」里打开这条自建模型配置"
_OVERFLOWS: Final = (
    "context length", "context_length", "context size", "context window", "max_tokens' or 'max_completion_tokens' is too large",
    "longer than the model", "input length", "too many tokens",
)  # fmt: skip
_MISSING: Final = (
    "not found",
    "does not exist",
    "not exist",
    "try pulling",
    "unknown model",
    "invalid model",
)

_KINDS: tuple[tuple[str, Matches], ...] = (
    ("vllm_tools", lambda status, code, text: "enable-auto-tool-choice" in text),
    ("llamacpp_tools", lambda status, code, text: "--jinja" in text),
    ("ollama_tools", lambda status, code, text: "does not support tool" in text or "not support function" in text),
    ("content_filter", lambda status, code, text: "content_filter" in code or "content management policy" in text),
    ("context_overflow", lambda status, code, text: status in (0, 400, 413, 422, 500)
     and any(words in text or words in code for words in _OVERFLOWS)),
    ("busy", lambda status, code, text: "server busy" in text or "pending requests" in text or "overloaded" in text),
    ("loading", lambda status, code, text: "loading model" in text),
    ("throttled", lambda status, code, text: status == 429),
    ("intercepted", lambda status, code, text: code == "unknown" and 200 <= status < 500),
    ("credentials", lambda status, code, text: status == 401 or "invalid_api_key" in code),
    ("denied", lambda status, code, text: status == 403),
    ("model", lambda status, code, text: ("model" in text or "model" in code)
     and any(words in text or words in code for words in (*_MISSING, "model_not_found"))),
    ("path", lambda status, code, text: status in (404, 405)),
    ("thinking", lambda status, code, text: "chat_template_kwargs" in text or "enable_thinking" in text),
    ("server", lambda status, code, text: status >= 500 or status == 0),
)  # fmt: skip

_PERMANENT = {
    "vllm_tools": f"模型服务没有打开工具调用：请在启动 vLLM 时加上 --enable-auto-tool-choice --tool-call-parser hermes（Qwen 系列；其他模型的解析器名见 vLLM 文档），或{_WHERE}，把「工具调用」改为 JSON。",
    "llamacpp_tools": f"模型服务没有打开工具调用：请在启动 llama-server 时加上 --jinja，或{_WHERE}，把「工具调用」改为 JSON。",
    "ollama_tools": f"模型「{{model}}」在这个服务里不支持工具调用：请换一个带 tools 标记的模型（例如 qwen3），或{_WHERE}，把「工具调用」改为 JSON。",
    "content_filter": "内容安全拦截：模型服务拒绝了这次的问题或回答。请换一种说法，去掉可能触发审核的原文后再问。",
    "context_overflow": f"上下文过长：这次对话超过了模型「{{model}}」能读的长度。请缩小查询范围，或发送「{says.FORGET}」重新开始；经常出现时{_WHERE}，核对「上下文长度」是否大于服务实际的长度。",
    "credentials": f"凭证错误：模型服务不接受这个 API Key。{_WHERE}，核对 API Key 和「密钥请求头」。",
    "denied": f"没有权限：模型服务拒绝了访问。{_WHERE}，核对 API Key 的权限和接口地址。",
    "model": f"模型不存在：服务里没有名为「{{model}}」的模型。{_WHERE}，按「测试」列出的名字选择。",
    "path": f"接口地址不对：这个地址下没有 /chat/completions（HTTP {{code}}）。{_WHERE}，核对接口地址，多数服务以 /v1 结尾。",
    "thinking": f"思考开关设置不对：模型服务不接受它。{_WHERE}，把「深度思考」改为「由服务决定」。",
    "rejected": "模型服务拒绝了这次请求。{remote}",
}
_PASSING = {
    "throttled": "请求过于频繁：模型服务正在限流（{code}）。请稍后再试。",
    "busy": "模型服务正忙，排队已满（{status_text}），请稍后再试。",
    "loading": "模型服务正在加载模型，请一两分钟后再试。",
    "server": "模型服务暂时出错（{status_text}），请稍后再试；若一直如此，请查看模型服务自己的日志。",
    "intercepted": "收到的不是模型服务的应答（{status_text}），多半被代理、网关或登录页面拦截。请检查接口地址和网络。",
}
# Codes of our own; everything else keeps the server's.
_OWN_CODES = {
    "content_filter": "content_filter", "context_overflow": "context_overflow", "intercepted": "network", "busy": "busy",
    "vllm_tools": "no_tools", "llamacpp_tools": "no_tools", "ollama_tools": "no_tools", "model": "no_model",
}  # fmt: skip

OPENAI_ERRORS: Final = ErrorBook(_KINDS, _PERMANENT, _PASSING, _OWN_CODES)
