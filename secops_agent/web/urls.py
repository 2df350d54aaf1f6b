"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import (
    alert,
    alert_acts,
    alert_orders,
    alerts,
    approvals,
    case,
    case_collect,
    case_report,
    cases,
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
    path("cases/", cases.cases, name="cases"),
    path("cases/new/", cases.case_new, name="case_new"),
    path("cases/collect/", case_collect.case_collect, name="case_collect"),
    path("cases/<int:pk>/", case.case, name="case"),
    path("cases/<int:pk>/known/", case.case_known, name="case_known"),
    path("cases/<int:pk>/act/", case.case_act, name="case_act"),
    path("cases/<int:pk>/report/", case_report.case_report, name="case_report"),
    path("cases/<int:pk>/report.md", case_report.case_markdown, name="case_markdown"),
    path("cases/<int:pk>/report.pdf", case_report.case_pdf, name="case_pdf"),
    path("cases/<int:pk>/alerts.csv", case_report.case_alerts, name="case_alerts"),
]
