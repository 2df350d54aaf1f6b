"""Wiring of the web application's addresses."""

from django.contrib import admin
from django.urls import include, path

from bifang.core.logins.invitations import InvitationDoor
from bifang.core.logins.views import ask_code, second_factor_page
from bifang.shell import views as shell
from bifang.shell.find import search
from dingtalk_integration import sign_in
from dingtalk_integration.webhook.views import receive
from secops_agent.api.mcp.views import McpView

admin.autodiscover()

urlpatterns = [
    path("", include("secops_agent.web.urls")),
    path("search/", search, name="search"),
    path("settings/", shell.settings, name="settings"),
    path("status/", shell.status, name="status"),
    path("admin/login/code/", ask_code, name="login_code"),
    path("admin/login/dingtalk/", sign_in.come_back, name="dingtalk_back"),
    path("admin/login/dingtalk/<int:config_id>/", sign_in.start, name="dingtalk_start"),
    path("admin/invitation/<uidb64>/<token>/", InvitationDoor.as_view(), name="invitation"),
    path("admin/second-factor/", second_factor_page, name="second_factor"),
    path("dingtalk/<str:path>/<str:door>", receive, name="dingtalk_callback"),
    path("admin/", admin.site.urls),
    path("api/", include("secops_agent.api.urls")),
    path("", include("secops_agent.api.intake.collector")),
    path("mcp/", McpView.as_view(), name="mcp"),
    path("mcp", McpView.as_view()),  # a redirect would lose the body
]
