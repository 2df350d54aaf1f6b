"""Rights: who may read what belongs to DingTalk."""

from bifang.core.rights import AUDITOR, OPERATOR, allow, grant

grant(OPERATOR, "dingtalk_integration.view_*")
grant(AUDITOR, "dingtalk_integration.view_*")
allow("admin", "dingtalk_integration.*")
