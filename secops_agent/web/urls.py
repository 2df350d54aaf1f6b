"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web.case import case, case_act
from secops_agent.web.case_collect import case_collect
from secops_agent.web.case_report import case_alerts, case_markdown, case_pdf, case_report
from secops_agent.web.cases import cases
from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("cases/", cases, name="cases"),
    path("cases/collect/", case_collect, name="case_collect"),
    path("cases/<int:pk>/", case, name="case"),
    path("cases/<int:pk>/act/", case_act, name="case_act"),
    path("cases/<int:pk>/report/", case_report, name="case_report"),
    path("cases/<int:pk>/report.md", case_markdown, name="case_markdown"),
    path("cases/<int:pk>/report.pdf", case_pdf, name="case_pdf"),
    path("cases/<int:pk>/alerts.csv", case_alerts, name="case_alerts"),
]
