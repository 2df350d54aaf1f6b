"""Who is at the browser: DingTalk's OAuth 2.0, from the page where people agree to the userId in one corporation.

Sources: 「获取登录用户的访问凭证」, 「获取用户通讯录个人信息」 (scope Contact.User.Read), 「根据 unionId 获取用户 userId」
(qyapi_get_member). A code is for one application, for once, for minutes. DingTalk documents no PKCE and no nonce.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from bifang.core.errors import BadCredentials, InvalidInput, RateLimited, RemoteError
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.openapi.application import Application, Meter
from dingtalk_integration.openapi.errors import StaleToken, check_legacy, check_openapi
from dingtalk_integration.openapi.tokens import Tokens

SCOPE: Final = "openid corpid"
TIMEOUT_S: Final = 5.0
UNKNOWN_PERSON: Final = frozenset({"60121", "33012"})
MEMBER: Final = 0  # contact_type; 1: somebody else's, in the address book only
_PAGES = {"api.dingtalk.com": "https://login.dingtalk.com", "api.dingtalk.io": "https://login.dingtalk.io"}
_STALE = "这次授权已经失效（授权码只能用一次，几分钟内有效）：请回到登录页，重新用钉钉登录。"


@dataclass(frozen=True, slots=True)
class Identity:
    """``corp_id``: the corporation that was chosen on DingTalk's page. ``staff_id``: "" for nobody of ours."""

    corp_id: str
    staff_id: str


def authorize_address(application: Application, *, back: str, state: str, corp_id: str) -> str:
    """The page where somebody says who they are; it sends them ``back`` with ``authCode`` and ``state``."""
    api = application.endpoints.api
    page = _PAGES.get(urlsplit(api).hostname or "", api)
    asked = {
        "redirect_uri": back, "response_type": "code", "client_id": application.client_id,
        "scope": SCOPE, "prompt": "consent", "state": state, "corpId": corp_id,
    }  # fmt: skip
    return f"{page}/oauth2/auth?{urlencode(asked, quote_via=quote)}"


async def identify(
    http: HttpClient, application: Application, code: str, *, corp_id: str, meter: Meter | None = None
) -> Identity:
    """Whose code this is. InvalidInput for a code that is none (any more); RemoteError and its kin.

    Another corporation's people are not looked up: their ``staff_id`` would be somebody else's here.
    """
    meter = meter or Meter()
    agreed = await _exchange(http, application, code, meter)
    chosen = str(agreed.get("corpId") or "")
    if not chosen or chosen != corp_id:
        return Identity(chosen, "")
    union_id = await _union_id(http, application, str(agreed.get("accessToken") or ""), meter)
    return Identity(chosen, await _staff_id(http, application, union_id, meter))


async def _exchange(http: HttpClient, application: Application, code: str, meter: Meter) -> dict[str, Any]:
    body = {
        "clientId": application.client_id, "clientSecret": application.client_secret,
        "code": code, "grantType": "authorization_code",
    }  # fmt: skip
    response = await http.request(
        "POST", f"{application.endpoints.api}/v1.0/oauth2/userAccessToken", json=body,
        headers={"Accept": "application/json"}, timeout=TIMEOUT_S, proxy=application.proxy,
    )  # fmt: skip
    try:
        with meter.metering("base"):
            return check_openapi(response)
    except (BadCredentials, RateLimited):
        raise
    except StaleToken as error:
        raise error.as_bad_credentials() from None
    except RemoteError as error:
        if error.status == 400:
            raise InvalidInput(_STALE) from None
        raise


async def _union_id(http: HttpClient, application: Application, token: str, meter: Meter) -> str:
    response = await http.request(
        "GET", f"{application.endpoints.api}/v1.0/contact/users/me",
        headers={"Accept": "application/json", "x-acs-dingtalk-access-token": token},
        timeout=TIMEOUT_S, proxy=application.proxy,
    )  # fmt: skip
    with meter.metering("base"):
        return str(check_openapi(response).get("unionId") or "")


async def _staff_id(http: HttpClient, application: Application, union_id: str, meter: Meter) -> str:
    """The userId in the application's own corporation; "" for nobody of it."""
    if not union_id:
        return ""
    token = await Tokens(http, application, meter).get()
    response = await http.request(
        "POST", f"{application.endpoints.oapi}/topapi/user/getbyunionid?access_token={quote(token, safe='')}",
        json={"unionid": union_id}, timeout=TIMEOUT_S, proxy=application.proxy,
    )  # fmt: skip
    try:
        with meter.metering("base"):
            found = check_legacy(response).get("result")
    except RemoteError as error:
        if error.code in UNKNOWN_PERSON:
            return ""
        raise
    if not isinstance(found, dict) or found.get("contact_type") != MEMBER:
        return ""
    return str(found.get("userid") or "")
