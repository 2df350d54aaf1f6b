"""Events that DingTalk could not deliver by HTTP (facts: dingtalk_webhook §2): 200 at a time, gone once they are read."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.errors import StaleToken, check_legacy


class MissedEvents:
    """The failed list of one application, on the OAPI host."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api

    async def take(self) -> tuple[list[Mapping[str, Any]], bool]:
        """The next ones, in the shape of decrypted callbacks, and whether there are more. Raises RemoteError."""
        try:
            answer = await self._ask()
        except StaleToken:
            answer = await self._ask()
        given = answer.get("failed_list")
        found = [_event(one) for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
        return [one for one in found if one], bool(answer.get("has_more"))

    async def _ask(self) -> Mapping[str, Any]:
        application, token = self._api.application, await self._api.tokens.get()
        path = "/call_back/get_call_back_failed_result"
        url = f"{application.endpoints.oapi}{path}?access_token={quote(token, safe='')}"
        response = await self._api.http.request("GET", url, proxy=application.proxy)
        try:
            with self._api.meter.metering("base"):
                return check_legacy(response)
        except StaleToken:
            self._api.tokens.invalidate(token)
            raise


def _event(failed: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{call_back_tag, event_time, <tag>: {…}}`` as the event itself; {} for another shape."""
    kind = failed.get("call_back_tag")
    body = failed.get(kind) if isinstance(kind, str) else None
    if not isinstance(body, Mapping):
        return {}
    return {"EventType": kind, "TimeStamp": failed.get("event_time", ""), **body}
