"""接口用量; what the pages of a DingTalk configuration show is in `config_face`."""

from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow
from dingtalk_integration import guide
from dingtalk_integration.config_face import watch
from dingtalk_integration.usage_admin import ApiUsageScreen

grant(OPERATOR, "dingtalk_integration.view_*")
grant(AUDITOR, "dingtalk_integration.view_*")
allow("admin", "dingtalk_integration.*")

__all__ = ["ApiUsageScreen", "guide", "watch"]
