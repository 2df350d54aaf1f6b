"""manage.py and the web application on a busy machine: a click is decided before it is answered however long that takes,
and a platform may take as long to take an answer.

As they are, they answer in time and let the turn decide (tests/dingtalk/test_cards_handler, tests/feishu/test_clicks),
and say again after ten seconds what nobody took: a test would see now the one, now the other.
"""

import os
import sys

import django
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application

from tests.deadline import GRACE_S

os.environ["DJANGO_SETTINGS_MODULE"] = "bifang.settings"

from bifang.core.outbound import http

http.DEFAULT_TIMEOUT = GRACE_S  # type: ignore[misc]  # before others take it over
http.HttpClient.request.__kwdefaults__["timeout"] = GRACE_S
django.setup()

from dingtalk_integration.handlers import cards as dingtalk  # noqa: E402
from dingtalk_integration.webhook import views  # noqa: E402
from feishu_integration.handlers import cards as feishu  # noqa: E402

for module in (dingtalk, feishu):
    module.DECIDE_WITHIN_S = GRACE_S  # type: ignore[misc]
views.STORE_WITHIN_S = GRACE_S  # type: ignore[misc]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
