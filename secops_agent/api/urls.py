"""The addresses under /api/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from secops_agent.api import blocks, calendars, proposals, runbooks, schedules
from secops_agent.api.alerting import alerts, cases, notifications, suppressions
from secops_agent.api.documentation import DocumentationView
from secops_agent.api.errors import not_found
from secops_agent.api.estate import assets, findings, indicators, vulnerabilities
from secops_agent.api.intake import ingest, jobs

app_name = "api"
_estate = [
    path("alerts/", alerts.AlertListView.as_view()),
    path("alerts/statistics/", alerts.AlertStatisticsView.as_view()),
    path("alerts/<int:alert_id>/", alerts.AlertView.as_view(), name="alert"),
    *(path(f"alerts/<int:alert_id>/{name}/", act.view().as_view()) for name, act in alerts.ACTS.items()),
    path("cases/", cases.CaseListView.as_view()),
    path("cases/<int:case_id>/", cases.CaseView.as_view(), name="case"),
    path("cases/<int:case_id>/alerts/", cases.CaseAlertsView.as_view()),
    path("cases/<int:case_id>/alerts/remove/", cases.CaseAlertsRemovalView.as_view()),
    path("cases/<int:case_id>/split/", cases.CaseSplitView.as_view()),
    path("cases/<int:case_id>/merge/", cases.CaseMergeView.as_view()),
    path("cases/<int:case_id>/separate/", cases.CaseSeparationView.as_view()),
    path("cases/<int:case_id>/assign/", cases.CaseAssignView.as_view()),
    path("cases/<int:case_id>/status/", cases.CaseStatusView.as_view()),
    path("cases/<int:case_id>/close/", cases.CaseCloseView.as_view()),
    path("cases/<int:case_id>/reopen/", cases.CaseReopenView.as_view()),
    path("cases/<int:case_id>/comments/", cases.CaseCommentView.as_view()),
    path("cases/<int:case_id>/tasks/", cases.CaseTasksView.as_view()),
    path("cases/<int:case_id>/tasks/<int:task_id>/done/", cases.CaseTaskDoneView.as_view()),
    path("indicators/", indicators.IndicatorEndpoint.as_view()),
    path("assets/", assets.AssetListView.as_view()),
    path("assets/find/", assets.AssetFindView.as_view()),
    path("assets/<int:asset_id>/", assets.AssetView.as_view(), name="asset"),
    path("assets/<int:asset_id>/components/", assets.AssetComponentsView.as_view()),
    path("vulnerabilities/", vulnerabilities.VulnerabilityListView.as_view()),
    path("vulnerabilities/<str:vuln_id>/", vulnerabilities.VulnerabilityView.as_view()),
    path("vulnerabilities/<str:vuln_id>/affected-assets/", vulnerabilities.ExposureView.as_view()),
    path("findings/", findings.FindingListView.as_view()),
    path("findings/openvex/", findings.OpenVexView.as_view()),
    path("findings/<int:finding_id>/", findings.FindingView.as_view(), name="finding"),
    path("findings/<int:finding_id>/decision/", findings.DecideView.as_view()),
    path("runbooks/", runbooks.RunbookListView.as_view()),
    path("runbooks/search/", runbooks.RunbookSearchView.as_view()),
    path("runbooks/<int:runbook_id>/", runbooks.RunbookEndpoint.as_view(), name="runbook"),
    path("runbooks/<int:runbook_id>/history/", runbooks.RunbookHistoryView.as_view()),
    path("ingest/<str:format_name>/", ingest.IngestView.as_view(), name="ingest"),
    path("notification-rules/", notifications.RuleListView.as_view()),
    path("on-call/", notifications.OnCallView.as_view()),
    path("silences/", notifications.SilenceListView.as_view()),
    path("silences/preview/", notifications.SilencePreviewView.as_view()),
    path("silences/<int:silence_id>/end/", notifications.SilenceEndView.as_view()),
    path("suppression-rules/", suppressions.SuppressionListView.as_view()),
    path("suppression-rules/trial/", suppressions.SuppressionTrialView.as_view()),
    path("suppression-rules/<int:rule_id>/", suppressions.SuppressionEndpoint.as_view(), name="suppression"),
    path("suppression-rules/<int:rule_id>/off/", suppressions.SuppressionOffView.as_view()),
    path("indicator-lists/", indicators.IndicatorListsView.as_view()),
    path("indicator-lists/<int:list_id>/entries/", indicators.ListedEntriesView.as_view()),
    path("schedules/", schedules.ScheduleListView.as_view()),
    path("schedules/<int:task_id>/", schedules.ScheduleEndpoint.as_view()),
    path("schedules/<int:task_id>/runs/", schedules.ScheduleRunsView.as_view()),
    path("feeds/", schedules.FeedsView.as_view()),
    path("blocks/", blocks.BlockListView.as_view()),
    path("proposals/", proposals.ProposalListView.as_view()),
    path("proposals/<str:code>/", proposals.ProposalEndpoint.as_view()),
    path("proposals/<str:code>/decision/", proposals.DecisionView.as_view()),
    path("jobs/", jobs.JobListView.as_view()),
    path("jobs/<int:job_id>/", jobs.JobEndpoint.as_view(), name="job"),
]
urlpatterns = [
    *(path(f"v1/{each.pattern}", each.callback, name=each.name) for each in _estate),
    # Webhooks are typed by people who forget the slash, and a redirect would lose the body.
    re_path(r"^v1/ingest/(?P<format_name>[a-z_]+)$", ingest.IngestView.as_view(schema=None)),
    path("v1/calendar/<str:secret>.ics", calendars.calendar, name="calendar"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", DocumentationView.as_view(url_name="api:schema"), name="docs"),
    re_path(r"^(?P<rest>.*)$", not_found),
]
