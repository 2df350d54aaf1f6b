"""POST /api/v1/ingest/<format>/: a file, or a webhook's body; small ones at once, large ones as a job."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from bifang.core.errors import InvalidInput
from secops_agent.api.access import IMPORT, Caller, caller_of
from secops_agent.api.base import Flag, Form, View, word
from secops_agent.api.intake.jobs import TAG, JobOut, OutcomeOut, RefusalOut
from secops_agent.importers import registry
from secops_agent.services.faults import NotFound
from secops_agent.services.intake import repeats
from secops_agent.services.intake.repeats import Answer
from secops_agent.uploads.body import LARGEST, TooLarge, UnknownPacking, Upload
from secops_agent.uploads.choices import ASSET_TYPES, Choices
from secops_agent.uploads.entry_points import import_later, import_now

_CHUNK = 1 << 18
BROKEN_OFF = "请求体没有传完就断开了：请重新发送。"
_ENCODINGS = ("", "identity", "gzip", "x-gzip")
OUTCOME = {
    "format": "alertmanager", "created": {"asset": 1, "component": 0, "vulnerability": 0, "finding": 0, "alert": 2},
    "updated": {"asset": 0, "component": 0, "vulnerability": 0, "finding": 0, "alert": 0},
    "unchanged": {"asset": 0, "component": 0, "vulnerability": 0, "finding": 0, "alert": 0},
    "rejected": [{"position": "alerts[2]", "reason": "缺少 labels.alertname"}],
}  # fmt: skip
DESCRIPTION = f"""请求体就是文件本身（JSON、JSON Lines、XML、CSV 或 xlsx，可以是 gzip 或只有一个文件的 zip），或 multipart 表单中的一个文件。

1 MiB 以内的立即导入，返回 200 和结果；更大的（上限 {LARGEST >> 20} MiB）返回 202 和后台任务，Location 是查询进度的地址。
重复导入同一个文件只更新最近发现时间。坏掉的记录列在 rejected 里，其余照常导入；一条也没有接受时返回 422。
每次请求都在导入任务里留下一条；全部接受的 Webhook 每小时合成一条。

Alertmanager、Grafana、Kibana、Zabbix、falcosidekick、Wazuh 的 Webhook 可以直接指向这里；Splunk HEC 的地址是 /services/collector。"""


class IngestQuery(Form):
    """What the sender may say."""

    source = word("工具的另一个名字，用来区分同一工具的两套部署。", 60)  # type: ignore[assignment]  # a declared field
    asset = word("文件里没有写明资产时（例如 SARIF），发现属于哪个资产。")
    asset_type = serializers.ChoiceField(
        choices=[(each, each) for each in ASSET_TYPES], default="host", help_text="asset 是什么。"
    )
    background = Flag(default=False, help_text="true：不论大小都作为后台任务。")


class AnyBody(BaseParser):
    """The view reads the body itself, whatever its type."""

    media_type = "*/*"


class IngestView(View):
    """The door for files and webhooks."""

    needs = {"POST": IMPORT}
    parser_classes = [AnyBody]
    largest_body = LARGEST

    @extend_schema(
        tags=[TAG], operation_id="ingest", summary="导入文件或 Webhook", description=DESCRIPTION,
        parameters=[
            IngestQuery,
            OpenApiParameter("format_name", str, OpenApiParameter.PATH, description=f"格式的名称：{'、'.join(registry.NAMES)}，或「接入」里自己写的。"),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="同一个键、同一内容在 24 小时内只执行一次，之后得到同样的回答；内容不同返回 409。"),
        ],
        request={"application/json": OpenApiTypes.ANY, "application/octet-stream": OpenApiTypes.BINARY,
                 "multipart/form-data": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}},
        responses={200: OpenApiResponse(OutcomeOut, description="已导入"), 422: OpenApiResponse(RefusalOut, description="一条也没有导入"), 202: OpenApiResponse(JobOut, description="已作为后台任务排队；Location 是进度的地址")},
        examples=[OpenApiExample("结果", value=OUTCOME, response_only=True, status_codes=["200"])],
    )  # fmt: skip
    def post(self, request: Request, format_name: str) -> Response:
        """Import the body."""
        asked = self.read_query(IngestQuery)
        background = asked.pop("background")
        choices = Choices(**asked)
        _check(request, format_name)
        with Upload() as upload:
            upload.receive(body_of(request._request, upload))
            answer = _once(request, format_name, upload, choices, background)
        headers = {"Location": reverse("api:job", args=[answer.body["id"]])} if answer.status == 202 else None
        return Response(answer.body, status=answer.status, headers=headers)


def _check(request: Request, format_name: str) -> None:
    """What can be refused before the body is read."""
    if format_name not in (known := registry.importers()):
        hint = (
            "这里要写明格式，不自动识别（自动识别在页面「导入」和 import_data auto 里）。"
            if format_name == "auto"
            else ""
        )
        raise NotFound(f"没有名为「{format_name[:40]}」的导入格式。{hint}可用的格式：{'、'.join(known)}。")
    check_head(request)


def check_head(request: Request) -> None:
    """The encoding and the size that the request says it has. Raises UnknownPacking, TooLarge."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise UnknownPacking(
            f"不认识请求体的压缩方式 {encoding[:40]}：请不压缩，或用 gzip（Content-Encoding: gzip）。"
        )
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > LARGEST + _CHUNK:
        raise TooLarge(f"文件超过 {LARGEST >> 20} MiB 的上限：请拆分，或在服务器上用 import_data 导入。")


def body_of(request: HttpRequest, upload: Upload) -> Iterator[bytes]:
    """The bytes of the file; sets the upload's name if a form gives one."""
    if (request.content_type or "").startswith("multipart/"):
        file = _form_file(request)
        upload.name = (file.name or "")[:200]
        yield from file.chunks(_CHUNK)
        return
    stream: Any = request
    if not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated"):
        stream = request.META["wsgi.input"]  # chunked: Django itself would see an empty body
    while chunk := _piece(stream):
        yield chunk
    _check_whole(request, upload)


def _piece(stream: Any) -> bytes:
    try:
        piece: bytes = stream.read(_CHUNK)
    except Exception as error:  # of the server's own kinds, for instance about chunks that are none
        raise InvalidInput(BROKEN_OFF) from error
    return piece


def _check_whole(request: HttpRequest, upload: Upload) -> None:
    promised = request.META.get("CONTENT_LENGTH") or ""
    if promised.isdigit() and int(promised) != upload.size:
        raise InvalidInput(BROKEN_OFF)


def _form_file(request: HttpRequest) -> "UploadedFile[bytes]":
    files: list[Any] = list(request.FILES.values())
    if len(files) != 1:
        raise InvalidInput(f"multipart 表单里应当正好有一个文件，收到 {len(files)} 个。")
    file: UploadedFile[bytes] = files[0]
    return file


def _once(request: Request, format_name: str, upload: Upload, choices: Choices, background: bool) -> Answer:
    """Import, or give the answer of the first time."""
    caller, key = caller_of(request), request.headers.get("Idempotency-Key")
    if key is None:
        return _import(caller, format_name, upload, choices, background)
    said = f"{format_name}|{choices.as_dict()}|{background}|{upload.digest}"
    known = repeats.begin(caller.key, key, hashlib.sha256(said.encode()).hexdigest())
    if known is not None:
        return known
    try:
        answer = _import(caller, format_name, upload, choices, background)
    except BaseException:
        repeats.forget(caller.key, key)
        raise
    repeats.remember(caller.key, key, answer)
    return answer


def _import(caller: Caller, format_name: str, upload: Upload, choices: Choices, background: bool) -> Answer:
    if background or not upload.is_small:
        job = import_later(format_name, upload, choices, caller.actor)
        return Answer(202, dict(JobOut(job).data))
    outcome = import_now(format_name, upload, choices, caller.actor).outcome
    body = outcome.as_dict(format_name)
    if outcome.refusal:
        return Answer(422, {"error": {"code": "all_rejected", "message": outcome.refusal}, **body})
    return Answer(200, body)
