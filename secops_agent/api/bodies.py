"""A JSON body within limits."""

from io import BytesIO
from typing import Any

from django.conf import settings
from rest_framework.parsers import JSONParser

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import ImportLimits
from secops_agent.importers.reading.json_stream import nesting
from secops_agent.uploads.body import TooLarge

DEEPEST = ImportLimits().max_depth


class BoundedJson(JSONParser):
    """A body within limits; looked at before anything is built of it."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Raises TooLarge or InvalidInput beyond the limits."""
        largest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(largest + 1)
        if len(body) > largest:
            raise TooLarge(f"请求体超过 {largest} 字节。")
        if nesting(body) > DEEPEST:
            raise InvalidInput(f"请求体嵌套太深：最多 {DEEPEST} 层。")
        return super().parse(BytesIO(body), media_type, parser_context)
