"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web.home import home
from secops_agent.web.on_call import on_call

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("on-call/", on_call, name="on_call"),
]
