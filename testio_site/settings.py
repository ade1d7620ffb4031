"""Django's settings. Everything that differs between installations comes from `environment.py`."""

import sys
from contextlib import suppress
from typing import Any

import structlog
from psycopg.conninfo import conninfo_to_dict

from testio_site.environment import BASE_DIR, read_environment

environment = read_environment()

DATA_DIR = environment.data_dir
DEBUG = environment.django_debug
SECRET_KEY = environment.secret_key()
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in environment.django_secret_key_fallbacks]
ALLOWED_HOSTS = environment.django_allowed_hosts

# TestIO ---------------------------------------------------------------------------------------------------------------

TESTIO_CUSTOMER_API_BASE_URL = environment.testio_customer_api_base_url
TESTIO_CUSTOMER_API_TOKEN = environment.testio_customer_api_token  # a SecretStr: it does not print itself
TESTIO_CUSTOMER_NAME = environment.testio_customer_name
TESTIO_PRODUCT_IDS = environment.testio_product_ids
TESTIO_SYNC_SINCE = environment.testio_sync_since
TESTIO_HTTP_TIMEOUT = environment.testio_http_timeout
TESTIO_LOCK_TIMEOUT = environment.testio_lock_timeout
TESTIO_MAX_CONCURRENT_REQUESTS = environment.testio_max_concurrent_requests
TESTIO_PAGE_SIZE = environment.testio_page_size
TESTIO_REFRESH_INTERVAL_SECONDS = environment.testio_refresh_interval_seconds
TESTIO_CACHE_TTL_SECONDS = environment.testio_cache_ttl_seconds
TESTIO_RETRY_WAIT_SECONDS = environment.testio_retry_wait_seconds
TESTIO_RETRY_LIMIT = environment.testio_retry_limit
TESTIO_NIGHT_STARTS = environment.testio_night_starts
TESTIO_NIGHT_HOURS = environment.testio_night_hours
TESTIO_HISTORY_DAYS = environment.testio_history_days
TESTIO_WATCHER_NAME = environment.testio_watcher_name

# Application ----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "ninja",  # so that the page at /api/docs is made of this site's own files
    "sync",
    "problematic",
    "testio_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "testio_site.urls"
WSGI_APPLICATION = "testio_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

UNFOLD = {
    "SITE_TITLE": "TestIO Desk",
    "SITE_HEADER": "TestIO Desk",
    "SITE_SYMBOL": "fact_check",
    "SITE_URL": None,
    "SIDEBAR": {"show_search": True, "navigation": "testio_site.navigation.sidebar"},
}

# Database -------------------------------------------------------------------------------------------------------------

# Each process opens connections as it needs them and gives them back after each request or command.
POOL = {"min_size": 0, "max_size": 20, "timeout": 10, "max_idle": 300}


def _database() -> dict[str, Any]:
    common = {"ENGINE": "testio_site.postgres", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    if environment.database_url is None:
        # The name and the address come from the built-in server when the first connection is opened.
        return {**common, "NAME": "testio_desk", "EMBEDDED": DATA_DIR / "postgres", "OPTIONS": {"pool": POOL}}
    options = conninfo_to_dict(environment.database_url.get_secret_value())
    address = {
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
    }
    return {**common, **address, "OPTIONS": {"connect_timeout": 10, **options, "pool": POOL}}


DATABASES = {"default": _database()}

# Background work (testio_site/celery.py reads what begins with CELERY_) -----------------------------------------------

BROKER_URL = environment.celery_broker_url  # a SecretStr: it may hold a password
BROKER_IS_FILES = BROKER_URL is None or BROKER_URL.get_secret_value().startswith("filesystem:")
BROKER_IS_REDIS = BROKER_URL is not None and BROKER_URL.get_secret_value().startswith("redis")
# Seconds. A refresh is asked to stop, which keeps what it stored, then killed, then given to another worker: Redis
# hands a task out again when nobody has finished it for so long, although it may still run.
TASK_STOP_AFTER = 3 * 3600
TASK_KILL_AFTER = TASK_STOP_AFTER + 300
BROKER_VISIBILITY_TIMEOUT = TASK_KILL_AFTER + 3600


def _broker_folders() -> dict[str, Any]:
    """Made on first use, for their owner only."""
    messages, control = (DATA_DIR / "broker" / name for name in ("messages", "control"))
    for folder in (messages.parent, messages, control):
        with suppress(OSError):  # who cannot make them cannot use them either; the first message says so
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"data_folder_in": str(messages), "data_folder_out": str(messages), "control_folder": str(control)}


CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a broker that is away for an hour is waited for
if BROKER_IS_FILES:
    CELERY_BROKER_TRANSPORT = "testio_site.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = _broker_folders()
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
elif BROKER_IS_REDIS:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": BROKER_VISIBILITY_TIMEOUT,
        "socket_connect_timeout": 5,
        "socket_timeout": 10,
        "health_check_interval": 15,
        "socket_keepalive": True,
    }
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are no results, so beat need not look for old ones
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = TASK_STOP_AFTER
CELERY_TASK_TIME_LIMIT = TASK_KILL_AFTER
CELERY_WORKER_LOST_WAIT = 1.0  # seconds until the task of a killed process goes to another one
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
# Two queues, served in turn: however many products wait, a tick waits for one of them only.
CELERY_TASK_QUEUES = {name: {"exchange": name} for name in ("ticks", "products")}
CELERY_TASK_DEFAULT_QUEUE = "ticks"
CELERY_TASK_ROUTES = {"sync.tasks.refresh_*": {"queue": "products"}}
CELERY_BEAT_SCHEDULER = "testio_site.beat:Scheduler"

# Time, language -------------------------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "testio_site.formats"  # 24-hour times

# Static files ---------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [folder for folder in [BASE_DIR / "static"] if folder.is_dir()]
with suppress(OSError):  # a missing folder is only worth a warning, but that on every start
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATIC_IS_COLLECTED = (STATIC_ROOT / "staticfiles.json").is_file()
# Without `collectstatic` (a demo, a test, a fresh clone) the files are served from where they lie.
WHITENOISE_USE_FINDERS = not STATIC_IS_COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_IS_COLLECTED or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}

# Security -------------------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SECURE_PROXY_SSL_HEADER = None
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

# Logs -----------------------------------------------------------------------------------------------------------------

_LOG_FIELDS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_FOR_PEOPLE: list[Any] = [
    # Plain tracebacks: the rich ones show local variables, and a token may be among them.
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]
_FOR_MACHINES: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _LOG_FIELDS,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_FOR_PEOPLE if sys.stderr.isatty() else _FOR_MACHINES),
            ],
        },
    },
    # Standard output is for results only.
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Ticks come every few seconds: only what goes wrong with them is news.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},
    },
}
structlog.configure(
    processors=[*_LOG_FIELDS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
