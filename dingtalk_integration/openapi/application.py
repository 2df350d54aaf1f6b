"""The DingTalk application on whose behalf calls are made."""

from dataclasses import dataclass, field

from dingtalk_integration.openapi.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Application:
    """``client_id`` = appKey. ``proxy``: "" takes the environment's. ``robot_code``: usually the client_id."""

    client_id: str
    client_secret: str = field(repr=False)
    endpoints: Endpoints = field(default_factory=Endpoints)
    proxy: str = field(default="", repr=False)
    robot_code: str = ""

    @property
    def robot(self) -> str:
        """The robotCode to send as."""
        return self.robot_code or self.client_id
