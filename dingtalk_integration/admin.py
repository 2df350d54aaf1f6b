"""接口用量; what the pages of a DingTalk configuration show is in `config_face`."""

from dingtalk_integration.config_face import watch
from dingtalk_integration.quotas.usage_admin import ApiUsageScreen

__all__ = ["ApiUsageScreen", "watch"]
