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
# An address with a name is one that something leads to.
_NAMED = {"jobs/<int:job_id>/": "job"}
_DECLARED = (
    alerts, cases, indicators, assets, vulnerabilities, findings, runbooks, notifications, suppressions, schedules, blocks,
    proposals, jobs,
)  # fmt: skip
urlpatterns = [
    *(
        path(f"v1/{route}", view.as_view(), name=_NAMED.get(route))
        for module in _DECLARED
        for route, view in module.PATHS.items()
    ),
    path("v1/ingest/<str:format_name>/", ingest.IngestView.as_view(), name="ingest"),
    # Webhooks are typed by people who forget the slash, and a redirect would lose the body.
    re_path(r"^v1/ingest/(?P<format_name>[a-z_]+)$", ingest.IngestView.as_view(schema=None)),
    path("v1/calendar/<str:secret>.ics", calendars.calendar, name="calendar"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", DocumentationView.as_view(url_name="api:schema"), name="docs"),
    re_path(r"^(?P<rest>.*)$", not_found),
]
