"""Rights: who may read what belongs to DingTalk."""

from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow

grant(OPERATOR, "dingtalk_integration.view_*")
grant(AUDITOR, "dingtalk_integration.view_*")
allow("admin", "dingtalk_integration.*")
