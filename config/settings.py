"""Django's settings: composed from the environment, no logic beyond that."""

import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from config.environment import Environment
from config.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = Environment()
TASKFLEET = ENV.policy()

# Without one, commands that sign nothing still run; the web process refuses to start (config/wsgi.py).
SECRET_KEY = ENV.secret_key or secrets.token_urlsafe(50)
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENV.csrf_trusted_origins)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "anymail",
    "django_celery_beat",
    "django_celery_results",
    "tasks_app",
    *ENV.task_apps,
]

MIDDLEWARE = [
    "tasks_app.api.requests.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tasks_app" / "admin" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str) -> dict[str, object]:
    """A DATABASE_URL as Django's dictionary. Each process, and each thread of the web, keeps one connection."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        sys.exit("DATABASE_URL: Taskfleet runs on PostgreSQL only; give postgresql://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # Behind PgBouncer in transaction mode neither server-side cursors nor prepared statements may be relied on.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "taskfleet",
            # A process that stands still inside a transaction must not hold the others up for ever. PgBouncer refuses
            # such options: whoever says so by TASK_PREPARED_STATEMENTS=false sets them on the server.
            **({"options": "-c idle_in_transaction_session_timeout=60s"} if ENV.task_prepared_statements else {}),
            **dict(parse_qsl(parts.query)),
        },
    }


DATABASES = {"default": database(ENV.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

EMAIL_BACKEND = (
    "anymail.backends.resend.EmailBackend" if ENV.resend_api_key else "django.core.mail.backends.console.EmailBackend"
)
ANYMAIL = {"RESEND_API_KEY": ENV.resend_api_key}
DEFAULT_FROM_EMAIL = ENV.email_from

# Celery: our own messages ack early, the lease is the one recovery; a user's own tasks keep Celery's settings.
CELERY_BROKER_URL = ENV.broker_url
CELERY_RESULT_BACKEND = "tasks_app.worker.results.Conveyor"
CELERY_RESULT_EXTENDED = True
CELERY_RESULT_EXPIRES = timedelta(days=30)
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_ACCEPT_CONTENT = ["json"]
# Workers tell Flower of what they receive, which is at once: an event more a message from every sender adds nothing.
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_CONSUMER = "tasks_app.worker.events:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = TASKFLEET.soft_shutdown.total_seconds()
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"priority_steps": list(range(10)), "queue_order_strategy": "priority", "visibility_timeout": 86_400}
    if ENV.broker_url.startswith(("redis", "valkey", "sentinel"))
    else {}
)
CELERY_TASK_QUEUE_MAX_PRIORITY = 9 if ENV.broker_url.startswith(("amqp", "pyamqp")) else None
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_BEAT_SCHEDULER = "tasks_app.worker.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_ENABLE_REMOTE_CONTROL = True
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
DJANGO_CELERY_BEAT_TZ_AWARE = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "tasks_app.api.openapi.Described",
    "DEFAULT_PAGINATION_CLASS": "tasks_app.api.pages.CreatedCursor",
    "EXCEPTION_HANDLER": "tasks_app.api.errors.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tasks_app.api.bodies.JsonParser"],
    "DEFAULT_THROTTLE_CLASSES": ["tasks_app.api.throttles.PerPerson"],
    "DEFAULT_THROTTLE_RATES": {"user": "6000/min", "token": "60/min"},
    # Addresses are the peer's own: a header anybody can write does not count as one.
    "NUM_PROXIES": 0,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Taskfleet",
    "VERSION": "1",
    "DESCRIPTION": "Define tasks, run them on a fleet of workers, see every run.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tasks_app.api.openapi.with_errors",
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": ["active", "paused", "archived"],
        "WritableTaskStatus": ["active", "paused"],
        "ExecutionState": "tasks_app.api.v1.execution_shapes.STATES",
        "GroupState": ["running", "completed", "failed", "cancelled"],
        "LinkState": ["open", "lit", "dead"],
    },
}
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1), "REFRESH_TOKEN_LIFETIME": timedelta(days=7)}
UNFOLD = {
    "SITE_TITLE": "Taskfleet",
    "SITE_HEADER": "Taskfleet",
    "SITE_SUBHEADER": "tasks, runs and the fleet",
    "SITE_SYMBOL": "deployed_code",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "tasks_app.admin.navigation.icon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "tasks_app.admin.navigation.environment",
    "DASHBOARD_CALLBACK": "tasks_app.admin.dashboard.fill",
    "STYLES": ["tasks_app.admin.navigation.style"],
    "SCRIPTS": ["tasks_app.admin.navigation.script"],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#eef6ff",
            "100": "#d9eaff",
            "200": "#bcdbff",
            "300": "#8ec5ff",
            "400": "#58a4fb",
            "500": "#3283f2",
            "600": "#1d67dc",
            "700": "#1a52b5",
            "800": "#1b4690",
            "900": "#1b3c74",
            "950": "#152647",
        }
    },
    "SIDEBAR": {"show_search": True, "navigation": "tasks_app.admin.navigation.sidebar"},
}

LOGGING = logging_settings(ENV.log_level)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
