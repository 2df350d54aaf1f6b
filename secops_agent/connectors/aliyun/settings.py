"""One account at 云安全中心, as code works with it."""

from dataclasses import dataclass, field
from typing import Final

# From Alibaba's own SDKs: every region's Security Center is behind one of these.
ENDPOINTS: Final = {
    "china": "https://tds.cn-shanghai.aliyuncs.com",
    "overseas": "https://tds.ap-southeast-1.aliyuncs.com",
}


@dataclass(frozen=True, slots=True)
class AliyunSettings:
    """``days`` to look back at first; ``pause_s`` before what was throttled is asked again."""

    id: int
    name: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    region: str = "china"
    endpoint: str = ""
    every_minutes: int = 5
    days: int = 7
    ca: str = ""
    proxy: str = field(default="", repr=False)
    pause_s: float = 1.0

    @property
    def address(self) -> str:
        """Where to ask."""
        return self.endpoint.rstrip("/") or ENDPOINTS[self.region]
