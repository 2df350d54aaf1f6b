"""Django settings, driven by the environment; the same file in every environment. See deploy/env.example."""

import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

from bifang import env
from bifang.core.monitoring import logs
from bifang.core.secrets.crypto import generate_key

# What a start makes stays: to look through it for garbage, again and again, took a fifth of the start. Until `bifang.apps`.
gc.disable()
env.read_file()
BASE_DIR = env.BASE_DIR
DATA_DIR: Path = env.private_directory(env.directory("BIFANG_DATA_DIR", "var"))
LOG_DIR: Path = env.directory("BIFANG_LOG_DIR", "logs")

SECRET_KEY = env.text("DJANGO_SECRET_KEY") or env.generated_file(DATA_DIR / "secret.key", env.random_token)
ENCRYPTION_KEYS = env.text("BIFANG_ENCRYPTION_KEY")
ENCRYPTION_KEY_FILE = DATA_DIR / "encryption.key"
if not ENCRYPTION_KEYS:
    env.generated_file(ENCRYPTION_KEY_FILE, generate_key)
SECRETS_DIR: Path = env.directory("BIFANG_SECRETS_DIR", "/run/secrets")

DEBUG = env.flag("DJANGO_DEBUG")
SIMULATOR = env.flag("BIFANG_SIMULATOR")
RATE_LIMITS = env.text("BIFANG_RATE_LIMITS", "on").lower() != "off"
ALLOWED_HOSTS = env.words("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("DJANGO_CSRF_TRUSTED_ORIGINS")
ADDRESS_ALLOW_LIST = env.words("BIFANG_ADDRESS_ALLOW_LIST")
TRUSTED_PROXIES = env.networks("BIFANG_TRUSTED_PROXIES")
METRICS_TOKEN = env.text("BIFANG_METRICS_TOKEN")
SENTRY_DSN = env.text("BIFANG_SENTRY_DSN")
REQUIRE_TOTP = env.flag("BIFANG_REQUIRE_TOTP")
MCP_SERVER = env.flag("BIFANG_MCP_SERVER", default=True)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "bifang.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "bifang.core",
    "bifang.channels",
    "django_q",  # after channels, whose qcluster is used
    "secops_agent",
    "dingtalk_integration",
    "feishu_integration",
    "bifang.apps.ExtensionsConfig",
]

MIDDLEWARE = [
    "bifang.core.monitoring.probes.ProbeMiddleware",
    "bifang.core.requests.ids.RequestIdMiddleware",
    "bifang.core.requests.counted.CountingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "bifang.core.requests.headers.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "bifang.core.requests.bodies.BodyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "bifang.core.logins.entry.SecondStepMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "bifang.core.requests.slow.SlowMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "bifang.urls"
WSGI_APPLICATION = "bifang.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "bifang" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bifang.shell.frame.frame",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    url = env.text("DATABASE_URL")
    if url:
        return env.database(url)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "bifang.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # IMMEDIATE: a transaction that will write takes the lock at its start, so it waits instead of failing.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;",
        },
    }


DATABASES = {"default": _database()}
DB_THREADS = int(env.number("BIFANG_DB_THREADS", 4, minimum=1))
STATEMENT_TIMEOUT_S = env.number("BIFANG_STATEMENT_TIMEOUT_S", 30)
# Below so much free space in the data directory nothing more is taken in.
DISK_MIN_MB = int(env.number("BIFANG_DISK_MIN_MB", 512))
# Touched with every heartbeat of this process: containers are looked at by the age of it.
PULSE_FILE = env.text("BIFANG_PULSE_FILE")
RETENTION_DAYS = int(env.number("BIFANG_RETENTION_DAYS", 90))
ALERT_EVENT_RETENTION_DAYS = int(env.number("BIFANG_ALERT_EVENT_RETENTION_DAYS", 90))
# Where vulnerability intelligence comes from; "off": nowhere.
FEED_ADDRESSES = {
    "kev": env.text(
        "BIFANG_FEED_KEV_URL",
        "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
    ),
    "epss": env.text("BIFANG_FEED_EPSS_URL", "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"),
    "osv": env.text("BIFANG_FEED_OSV_URL", "https://osv-vulnerabilities.storage.googleapis.com"),
}
HISTORY_RETENTION_DAYS = int(env.number("BIFANG_HISTORY_RETENTION_DAYS", 730))
AUDIT_RETENTION_DAYS = int(env.number("BIFANG_AUDIT_RETENTION_DAYS", 365))
# Alerts of these levels are looked into when they arrive, at most so many a day; none where there is no level.
INVESTIGATED = frozenset(env.words("BIFANG_INVESTIGATED", "critical,high"))
INVESTIGATIONS_A_DAY = int(env.number("BIFANG_INVESTIGATIONS_A_DAY", 1000))
# A MaxMind DB of countries, beside public addresses of alerts; "" shows none. Read from the disk, never fetched.
IP_LOCATION_DB = env.text("BIFANG_IP_LOCATION_DB")
# The AI configuration whose model reads them: a name, "off", or "" for that of the first DingTalk configuration with one.
INVESTIGATION_MODEL = env.text("BIFANG_INVESTIGATION_MODEL")
INVESTIGATION_READINGS_A_DAY = int(env.number("BIFANG_INVESTIGATION_READINGS_A_DAY", 200))
# What a rule must have shown before messages tell what is suggested for its alerts: judgements, and percent of them.
SUGGEST_JUDGED = int(env.number("BIFANG_SUGGEST_JUDGED", 20, minimum=1))
SUGGEST_AGREEMENT = env.number("BIFANG_SUGGEST_AGREEMENT", 80)
SUGGEST_RECALL = env.number("BIFANG_SUGGEST_RECALL", 95)
STOP_GRACE_S = env.number("BIFANG_STOP_GRACE_S", 8)
TURN_CAPACITY = int(env.number("BIFANG_TURN_CAPACITY", 1000, minimum=1))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文")]
FORMAT_MODULE_PATH = "bifang.formats"
LOCALE_PATHS = [BASE_DIR / "bifang" / "locale"]
TIME_ZONE = env.text("TZ") or env.ZONE
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

HTTPS = env.flag("BIFANG_HTTPS")
PUBLIC_URL = env.site("BIFANG_PUBLIC_URL")
REPORT_COMPANY = env.text("BIFANG_REPORT_COMPANY", "")
REPORT_SECRECY = env.text("BIFANG_REPORT_SECRECY", "内部")
REPORT_READERS = env.text("BIFANG_REPORT_READERS", "安全负责人、值班人员")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "web:home"

# Ten wrong passwords of one name from one address close that door to both for a quarter of an hour.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "secops_agent.services.people.logins.StaffBackend",
]
AXES_ENABLED = RATE_LIMITS
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # what the page promises stays true
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "bifang.core.requests.visitors.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # our own screen: bifang/core/admin/logins.py
AXES_LOCKOUT_CALLABLE = "bifang.core.logins.lockout.refuse"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "authCode", "state"]
AXES_VERBOSE = False

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "secops_agent.api.access.TokenAuthentication",
        "secops_agent.api.access.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["secops_agent.api.bodies.BoundedJson"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "secops_agent.api.errors.handle",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "毕方 Bifang API",
    "DESCRIPTION": "告警、资产、漏洞、发现、手册与导入。身份：在 Authorization: Bearer 头中带上管理后台创建的 API 令牌。",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [
        "secops_agent.api.access.TokenAuthentication",
        "secops_agent.api.access.BrowserAuthentication",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "secops_agent.api.documentation.add_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "Severity": "secops_agent.models.choices.Severity",
        "Importance": "secops_agent.models.choices.Importance",
        "AlertStatus": "secops_agent.models.choices.AlertStatus",
        "Verdict": "secops_agent.models.choices.Verdict",
        "CaseStatus": "secops_agent.models.alerting.case.CaseStatus",
        "AssetType": "secops_agent.models.choices.AssetType",
        "IndicatorKind": "secops_agent.models.choices.IndicatorKind",
        "FindingKind": "secops_agent.models.choices.FindingKind",
        "FindingState": "secops_agent.models.choices.FindingState",
        "Decision": "secops_agent.models.choices.FindingDecision",
        "ActorKind": "secops_agent.models.choices.ActorKind",
        "JobState": "secops_agent.models.sources.job.JobState",
        "ProposalState": "secops_agent.models.automation.proposal.ProposalState",
        "ActionState": "secops_agent.models.automation.action.ActionState",
        "JobPhase": "secops_agent.models.sources.job.JobPhase",
    },
}

Q_CLUSTER: dict[str, Any] = {
    "name": "bifang",
    "orm": "default",
    "workers": 2,
    "timeout": 600,
    "retry": 660,
    "max_attempts": 3,
    "catch_up": False,
    "label": "后台任务",
}

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logs.configure(
    LOG_DIR,
    env.text("BIFANG_LOG_LEVEL", "INFO").upper(),
    env.text("BIFANG_LOG_FORMAT") or "text",
    env.text("BIFANG_LOG_TO") or "both",
)

from bifang.unfold import UNFOLD as UNFOLD  # noqa: E402
