"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import approvals, chat
from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("chat/", chat.chat, name="chat"),
    path("chat/log/", chat.log, name="chat_log"),
    path("chat/say/", chat.say, name="chat_say"),
    path("approvals/", approvals.proposals, name="approvals"),
    path("approvals/<int:pk>/", approvals.proposal, name="approval"),
    path("approvals/<int:pk>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<int:pk>/undo/", approvals.take_back, name="approval_undo"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
]
