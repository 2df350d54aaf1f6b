"""The web server's settings, everywhere: ``gunicorn bifang.wsgi -c deploy/gunicorn.conf.py --bind … --workers …``.

What a connection may hold, and for how long, stands in `bifang.web_server`.
"""

logger_class = "bifang.web_server.log.ServerLog"
worker_class = "bifang.web_server.worker.BufferingWorker"
threads = 4
graceful_timeout = 8
control_socket_disable = True
# A worker is replaced before what it keeps adds up; not all at once.
max_requests, max_requests_jitter = 10_000, 2_000
