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

# Application ----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
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
        "psycopg.pool": {"level": "ERROR"},
    },
}
structlog.configure(
    processors=[*_LOG_FIELDS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
