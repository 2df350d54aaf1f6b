"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import approvals, chat, on_call_acts
from secops_agent.web.home import home
from secops_agent.web.on_call import on_call

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("on-call/", on_call, name="on_call"),
    path("on-call/swaps/", on_call_acts.ask, name="on_call_swap"),
    path("on-call/swaps/<str:code>/", on_call_acts.answer, name="on_call_answer"),
    path("on-call/overrides/", on_call_acts.substitute, name="on_call_override"),
    path("on-call/overrides/<int:pk>/remove/", on_call_acts.take_back, name="on_call_take_back"),
    path("on-call/calendar/", on_call_acts.subscribe, name="on_call_subscribe"),
    path("chat/", chat.chat, name="chat"),
    path("chat/log/", chat.log, name="chat_log"),
    path("chat/say/", chat.say, name="chat_say"),
    path("approvals/", approvals.proposals, name="approvals"),
    path("approvals/<int:pk>/", approvals.proposal, name="approval"),
    path("approvals/<int:pk>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<int:pk>/undo/", approvals.take_back, name="approval_undo"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
]
