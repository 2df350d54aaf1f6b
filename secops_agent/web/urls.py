"""The addresses of our own pages."""

from django.urls import path

from secops_agent.web.home import home

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
]
