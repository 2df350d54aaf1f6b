"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import approvals, audit_check, chat, conversations
from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("chat/", chat.chat, name="chat"),
    path("chat/log/", chat.log, name="chat_log"),
    path("chat/say/", chat.say, name="chat_say"),
    path("audit/check/", audit_check.audit_check, name="audit_check"),
    path("audit/check/step/", audit_check.audit_check_step, name="audit_check_step"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("conversations/<int:pk>/", conversations.conversation, name="conversation"),
    path("approvals/", approvals.proposals, name="approvals"),
    path("approvals/<int:pk>/", approvals.proposal, name="approval"),
    path("approvals/<int:pk>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<int:pk>/undo/", approvals.take_back, name="approval_undo"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
]
