"""The OpenAPI description: pages, errors, authentication."""

from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema, inline_serializer
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.request import Request

from bifang.core.requests.headers import DOCUMENTATION, POLICY
from secops_agent.api.base import Form

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "机器可读的错误代码，例如 invalid_input。"},
                "message": {"type": "string", "description": "说明发生了什么、怎么办。"},
                "fields": {
                    "type": "object",
                    "description": "哪个字段有什么问题。",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
    "example": {"error": {"code": "not_found", "message": "没有编号为 99 的告警。"}},
}
RESPONSES = {
    "400": "请求不正确", "401": "没有身份，或令牌无效", "403": "没有权限", "404": "不存在", "405": "不支持的方法",
    "409": "状态冲突", "413": "内容太大", "415": "不支持的内容类型", "429": "请求太频繁，Retry-After 秒后重试", "503": "暂时不可用",
}  # fmt: skip
_WITH_BODY = {"409", "413", "415"}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the package has no types
    """The three ways to send a token."""

    target_class = "secops_agent.api.access.TokenAuthentication"
    name = ["bearerToken", "headerToken", "basicToken"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """As OpenAPI has it."""
        return [
            {"type": "http", "scheme": "bearer", "description": "API 令牌：Authorization: Bearer bf_…"},
            {"type": "apiKey", "in": "header", "name": "X-Api-Token", "description": "API 令牌"},
            {"type": "http", "scheme": "basic", "description": "用户名任意，密码为 API 令牌；给只能设置 URL 的 Webhook 用"},
        ]  # fmt: skip


class BrowserScheme(SessionScheme):  # type: ignore[no-untyped-call]  # the package has no types
    """The session of somebody who is logged in."""

    target_class = "secops_agent.api.access.BrowserAuthentication"


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI from our own files, its script apart."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """With what the page needs of the browser."""
        response: Any = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]  # no types there
        response.headers[POLICY] = DOCUMENTATION
        return response


def page_of(kind: type[Form]) -> Form:
    """The answer of a list of these."""
    return inline_serializer(
        f"{kind.__name__.removesuffix('Out')}Page",
        {
            "items": kind(many=True, help_text="这一页的内容"),
            "total": serializers.IntegerField(help_text="符合条件的总数，最多数到 1000"),
            "total_capped": serializers.BooleanField(help_text="true：实际多于 total"),
            "next_cursor": serializers.CharField(help_text="下一页的游标；空：没有下一页"),
            "next": serializers.URLField(allow_null=True, help_text="下一页的地址"),
        },
    )


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: every operation may answer with an error of the one shape."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("In"):  # bodies: an unknown key is refused
            schema["additionalProperties"] = False
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status, text in RESPONSES.items():
                if status in _WITH_BODY and method == "get":
                    continue
                operation["responses"].setdefault(status, {"description": text, "content": content})
    return result
