"""The corporation's address book: who a userId is.

Source: 「根据 userId 获取用户信息」 (topapi/v2/user/get, scope qyapi_get_member). A search by name has a scope of its
own, which the guide does not ask for.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bifang.core.errors import RemoteError
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.openapi.application import Application, Meter
from dingtalk_integration.openapi.errors import check_legacy
from dingtalk_integration.openapi.oauth import TIMEOUT_S, UNKNOWN_PERSON
from dingtalk_integration.openapi.tokens import Tokens

LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the corporation. ``activated``: they use DingTalk."""

    staff_id: str
    name: str
    title: str
    activated: bool


async def find_member(
    http: HttpClient, application: Application, staff_id: str, meter: Meter | None = None
) -> Member | None:
    """Whoever has this userId; None for nobody. RemoteError and its kin."""
    meter = meter or Meter()
    token = await Tokens(http, application, meter).get()
    response = await http.request(
        "POST", f"{application.endpoints.oapi}/topapi/v2/user/get?access_token={quote(token, safe='')}",
        json={"userid": staff_id, "language": "zh_CN"}, timeout=TIMEOUT_S, proxy=application.proxy,
    )  # fmt: skip
    try:
        with meter.metering("base"):
            found = check_legacy(response).get("result")
    except RemoteError as error:
        if error.code in UNKNOWN_PERSON:
            return None
        raise
    return _member(found) if isinstance(found, dict) else None


def _member(found: dict[str, Any]) -> Member | None:
    staff_id, name = str(found.get("userid") or ""), str(found.get("name") or "")
    if not staff_id or not name:
        return None
    title = str(found.get("title") or "")
    return Member(staff_id, name[:LONGEST_NAME], title[:LONGEST_NAME], found.get("active") is not False)
