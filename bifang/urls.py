"""Wiring of the web application's addresses."""

from django.contrib import admin
from django.urls import include, path

from secops_agent.api.mcp.views import McpView

admin.autodiscover()

urlpatterns = [
    path("", include("secops_agent.web.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("secops_agent.api.urls")),
    path("mcp/", McpView.as_view(), name="mcp"),
    path("mcp", McpView.as_view()),  # a redirect would lose the body
]
