"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import approvals
from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("approvals/", approvals.proposals, name="approvals"),
    path("approvals/<int:pk>/", approvals.proposal, name="approval"),
    path("approvals/<int:pk>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<int:pk>/undo/", approvals.take_back, name="approval_undo"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
]
