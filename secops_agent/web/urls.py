"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web import approvals, audit_check, blocks, case, cases, me, on_call_acts, reporting
from secops_agent.web.estate import asset, assets, finding, findings, vulnerabilities
from secops_agent.web.home import home
from secops_agent.web.on_call import on_call
from secops_agent.web.send_again import send_again
from secops_agent.web.talk import chat, conversations
from secops_agent.web.triage import alert, alert_acts, alerts

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/facets/", alerts.facets, name="alert_facets"),
    path("alerts/news/", alerts.news, name="alert_news"),
    path("alerts/act/", alert_acts.act, name="alert_act"),
    path("alerts/cases/", alert_acts.cases, name="alert_cases"),
    path("alerts/undo/", alert_acts.undo, name="alert_undo"),
    path("alerts/silence/", alert_acts.silence, name="alert_silence"),
    path("alerts/propose/", alert_acts.propose, name="alert_propose"),
    path("alerts/views/", alert_acts.save, name="saved_view"),
    path("alerts/views/delete/", alert_acts.delete, name="saved_view_delete"),
    path("alerts/<int:pk>/", alert.alert, name="alert"),
    path("alerts/<int:pk>/touches/", alert.touches, name="alert_touches"),
    path("alerts/<int:pk>/known/", alert.known, name="alert_known"),
    path("alerts/<int:pk>/event/", alert.event, name="alert_event"),
    path("assets/", assets.list_assets, name="assets"),
    path("assets/<int:pk>/", asset.asset, name="asset"),
    path("assets/<int:pk>/change/", asset.change, name="asset_change"),
    path("assets/<int:pk>/take-back/", asset.undo_change, name="asset_take_back"),
    path("assets/<int:pk>/merge/", asset.merge, name="asset_merge"),
    path("vulnerabilities/", vulnerabilities.list_vulnerabilities, name="vulnerabilities"),
    path("vulnerabilities/<int:pk>/", vulnerabilities.vulnerability, name="vulnerability"),
    path("vulnerabilities/<int:pk>/compared/", vulnerabilities.compared, name="vulnerability_compared"),
    path("findings/", findings.list_findings, name="findings"),
    path("findings/decide/", finding.decide, name="finding_decide"),
    path("findings/undo/", finding.undo, name="finding_undo"),
    path("findings/<int:pk>/", finding.finding, name="finding"),
    path("findings/<int:pk>/comment/", finding.comment, name="finding_comment"),
    path("on-call/", on_call, name="on_call"),
    path("on-call/swaps/", on_call_acts.ask, name="on_call_swap"),
    path("on-call/swaps/<str:code>/", on_call_acts.answer, name="on_call_answer"),
    path("on-call/overrides/", on_call_acts.substitute, name="on_call_override"),
    path("on-call/overrides/<int:pk>/remove/", on_call_acts.take_back, name="on_call_take_back"),
    path("on-call/calendar/", on_call_acts.subscribe, name="on_call_subscribe"),
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
    path("approvals/<int:pk>/call-off/", approvals.call_off, name="approval_call_off"),
    path("approvals/<int:pk>/settle/", approvals.settle, name="approval_settle"),
    path("blocks/", blocks.ledger, name="blocks"),
    path("blocks/act/", blocks.act, name="block_act"),
    path("blocks/new/", blocks.block_many, name="block_many"),
    path("again/", send_again, name="send_again"),
    path("me/", me.me, name="me"),
    path("me/call/", me.call_me, name="me_call"),
    path("me/sessions/", me.end_sessions, name="me_sessions"),
    path("cases/", cases.cases, name="cases"),
    path("cases/new/", cases.case_new, name="case_new"),
    path("cases/collect/", case.case_collect, name="case_collect"),
    path("cases/<int:pk>/", case.case, name="case"),
    path("cases/<int:pk>/known/", case.case_known, name="case_known"),
    path("cases/<int:pk>/act/", case.case_act, name="case_act"),
    path("cases/<int:pk>/report/", case.case_report, name="case_report"),
    path("cases/<int:pk>/report/<slug:form>/", case.case_file, name="case_file"),
    path("cases/<int:pk>/reporting/", reporting.reporting, name="reporting"),
    path("cases/<int:pk>/alerts.csv", case.case_alerts, name="case_alerts"),
]
