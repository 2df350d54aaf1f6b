"""What went wrong at DashScope, told in Chinese with the remedy. No text here ever holds an API key.

Codes: https://help.aliyun.com/zh/model-studio/error-code. Inside a stream the SDK reports every error as
status 400, so the code decides first and the HTTP status only where the code says nothing.
"""

import aiohttp

from bifang.core.errors import BifangError, RemoteError
from secops_agent import says
from secops_agent.llm.errors import ErrorBook, Matches, cut_error, timeout_error

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
