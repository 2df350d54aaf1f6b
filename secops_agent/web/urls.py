"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import (
    alert,
    alert_acts,
    alert_orders,
    alerts,
    approvals,
    chat,
    former_addresses,
    saved_views,
)
from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/facets/", alerts.facets, name="alert_facets"),
    path("alerts/news/", alerts.news, name="alert_news"),
    path("alerts/act/", alert_acts.act, name="alert_act"),
    path("alerts/undo/", alert_acts.undo, name="alert_undo"),
    path("alerts/silence/", alert_orders.silence, name="alert_silence"),
    path("alerts/propose/", alert_orders.propose, name="alert_propose"),
    path("alerts/views/", saved_views.save, name="saved_view"),
    path("alerts/views/delete/", saved_views.delete, name="saved_view_delete"),
    path("alerts/<int:pk>/", alert.alert, name="alert"),
    path("alerts/<int:pk>/touches/", alert.touches, name="alert_touches"),
    path("alerts/<int:pk>/known/", alert.known, name="alert_known"),
    path("alerts/<int:pk>/event/", alert.event, name="alert_event"),
    path("admin/secops_agent/alert/", former_addresses.former_list),
    path("admin/secops_agent/alert/<int:pk>/", former_addresses.former_alert),
    path("admin/secops_agent/alert/<int:pk>/change/", former_addresses.former_alert),
    path("chat/", chat.chat, name="chat"),
    path("chat/log/", chat.log, name="chat_log"),
    path("chat/say/", chat.say, name="chat_say"),
    path("approvals/", approvals.proposals, name="approvals"),
    path("approvals/<int:pk>/", approvals.proposal, name="approval"),
    path("approvals/<int:pk>/decide/", approvals.decide, name="approval_decide"),
    path("approvals/<int:pk>/undo/", approvals.take_back, name="approval_undo"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
]
