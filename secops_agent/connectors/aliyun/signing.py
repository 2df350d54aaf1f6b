"""Alibaba Cloud's signature of an OpenAPI request: ACS3-HMAC-SHA256, parameters in the query, no body.

https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "ACS3-HMAC-SHA256"
NOTHING: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Who signs."""

    id: str
    secret: str = field(repr=False)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted and percent-encoded as RFC 3986 says."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters)
    )


def signed_headers(
    key: AccessKey,
    host: str,
    action: str,
    version: str,
    parameters: Mapping[str, str],
    *,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """The headers of a POST to "/"; ``host`` as it goes out, with a port that is not the usual one."""
    headers = {
        "host": host, "x-acs-action": action, "x-acs-version": version, "x-acs-date": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce, "x-acs-content-sha256": NOTHING,
    }  # fmt: skip
    return {**headers, "Authorization": authorization(key, canonical_query(parameters), headers)}


def authorization(key: AccessKey, query: str, headers: Mapping[str, str]) -> str:
    """The header's value over these headers, all of them signed."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    listed = ";".join(names)
    request = "\n".join(("POST", "/", query, lines, listed, headers["x-acs-content-sha256"]))
    said = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    mac = hmac.new(key.secret.encode(), said.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key.id},SignedHeaders={listed},Signature={mac}"
