"""The application of the admin, with our own site."""

from django.contrib.admin.apps import SimpleAdminConfig


class AdminConfig(SimpleAdminConfig):
    """``urls.py`` loads the screens: the worker has none."""

    default_site = "bifang.site.Site"
