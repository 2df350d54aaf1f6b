"""Rights: what each role of the staff and each group may do with the records of security operations."""

from bifang.core.rights import AUDITOR, OPERATOR, allow, grant

# Not what people said to the robot: that needs the permission to read private text.
grant(OPERATOR, "secops_agent.view_[!c]*", "secops_agent.view_component", "secops_agent.add_importjob")
grant(AUDITOR, "secops_agent.view_*")

_ESTATE = (
    "alert",
    "asset",
    "case",
    "component",
    "vulnerability",
    "finding",
    "runbook",
    "slatarget",
    "importjob",
    "securityreport",
    "investigationreplay",
    "indicatorlist",
    "listedindicator",
)
_WORKED_ON = ("alert", "asset", "case", "finding", "runbook")
allow("viewer", *(f"secops_agent.view_{name}" for name in _ESTATE))
allow("viewer", "secops_agent.view_oncallschedule")  # in the chat, too, every viewer may ask who is on call
allow("analyst", *(f"secops_agent.change_{name}" for name in _WORKED_ON), "secops_agent.add_runbook")
allow("analyst", "secops_agent.view_brokerletter", "secops_agent.change_brokerletter")
allow("analyst", "secops_agent.add_importjob", "secops_agent.view_proposal", "secops_agent.change_proposal")
allow("analyst", "secops_agent.view_action", "secops_agent.view_mcpcatalogue")
_TOLD = (
    "notificationrule",
    "oncalllayer",
    "oncalloverride",
    "silence",
    "suppressionrule",
    "alertmessage",
    "wakecall",
    "calendarday",
    "calendarfeed",
    "shiftswap",
    "scheduledtask",
    "feed",
    "blockrecord",
    "reportingduty",
    "gradingquestion",
)
allow("analyst", *(f"secops_agent.view_{name}" for name in _TOLD))
allow("analyst", "secops_agent.add_silence", "secops_agent.change_silence", "secops_agent.add_securityreport")
allow("analyst", *(f"secops_agent.{verb}_suppressionrule" for verb in ("add", "change")))
allow("analyst", *(f"secops_agent.{verb}_indicatorlist" for verb in ("add", "change", "delete")))
allow("analyst", "secops_agent.delete_listedindicator")
allow("analyst", "secops_agent.add_calendarfeed", "secops_agent.change_calendarfeed")
allow("analyst", *(f"secops_agent.{verb}_scheduledtask" for verb in ("add", "change", "delete")))
_WISHES = [f"secops_agent.{verb}_notificationpreference" for verb in ("view", "add", "change")]
allow("viewer", *_WISHES)
allow("analyst", "secops_agent.view_formattable", "secops_agent.view_detectionrule")
allow("approver", "secops_agent.add_formattable", "secops_agent.change_detectionrule")
allow("analyst", "secops_agent.change_alertmessage")
allow("responder", "secops_agent.change_action")
allow("analyst", "secops_agent.view_correction", "secops_agent.change_correction")
allow(
    "analyst",
    *(f"secops_agent.view_{name}" for name in ("syslogsource", "syslogrejection", "datasource")),
)
allow("admin", "secops_agent.*")
