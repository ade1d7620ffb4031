"""Django's settings. Everything that differs between installations comes from `environment.py`."""

import logging
import sys
import tomllib
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.templatetags.static import static
from psycopg.conninfo import conninfo_to_dict

from testio_site import logs, policy
from testio_site.environment import BASE_DIR, read_environment
from testio_site.signing_key import signing_key

environment = read_environment()

VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
DATA_DIR = environment.data_dir
DEBUG = environment.django_debug
SECRET_KEY = signing_key(environment)
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in environment.django_secret_key_fallbacks]
ALLOWED_HOSTS = environment.django_allowed_hosts
DESK_AUDIT_DAYS = environment.desk_audit_days
DESK_API_REQUESTS_PER_MINUTE = environment.desk_api_requests_per_minute

# TestIO ---------------------------------------------------------------------------------------------------------------

TESTIO_CUSTOMER_API_BASE_URL = environment.testio_customer_api_base_url
TESTIO_CUSTOMER_API_TOKEN = environment.testio_customer_api_token  # a SecretStr: it does not print itself
TESTIO_ALLOW_PRIVATE_ADDRESSES = environment.private_addresses
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

# Answers about figures (reports.metrics.remembered), in the memory of each process: 50 MB at the very most.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "answers": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "answers",
        "TIMEOUT": 3600,
        "OPTIONS": {"MAX_ENTRIES": 200},
    },
}

# Figures --------------------------------------------------------------------------------------------------------------

DESK_SEVERITY_WEIGHTS = {
    "critical": environment.desk_weight_critical,
    "high": environment.desk_weight_high,
    "low": environment.desk_weight_low,
    "other": environment.desk_weight_other,
}
# (warning, critical) by rate; reports/thresholds.py knows which side of them is the bad one.
DESK_THRESHOLDS = {
    "rejection": (environment.desk_rejection_warning, environment.desk_rejection_critical),
    "auto_acceptance": (environment.desk_auto_acceptance_warning, environment.desk_auto_acceptance_critical),
    "active_acceptance": (environment.desk_active_acceptance_warning, environment.desk_active_acceptance_critical),
    "review": (environment.desk_review_warning, environment.desk_review_critical),
}

# Application ----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "testio_site.admin_on_demand.AdminOnDemand",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_celery_beat",
    "ninja",  # so that the page at /api/docs is made of this site's own files
    "sync",
    "problematic",
    "reports",
    "testio_site",
]

MIDDLEWARE = [
    "testio_site.policy.Headers",  # first, so that every answer has them: errors and files too
    *(["testio_site.proxy.ClientAddress"] if environment.desk_behind_proxy else []),
    "testio_site.request_ids.OnlySaneIds",
    "django_structlog.middlewares.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "testio_site.operating.audit.doorway.Doorway",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *(["testio_site.entrance.required.SecondFactorRequired"] if environment.desk_require_two_factor else []),
    "axes.middleware.AxesMiddleware",  # last, as it asks
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
                "testio_site.navigation.offered",
            ],
        },
    },
]

MESSAGE_STORAGE = "testio_site.operating.audit.told.Told"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "reports:overview"
LOGOUT_REDIRECT_URL = "login"

UNFOLD = {
    "SITE_TITLE": "TestIO Desk",
    "SITE_HEADER": "TestIO Desk",
    "SITE_SYMBOL": "fact_check",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("desk/icon.svg")}],
    "ACCOUNT": {"navigation": "testio_site.navigation.account"},
    # The content policy forbids style sheets inside pages, so the theme's colours are in a file of their own.
    "GLOBAL_CALLBACK": "testio_site.policy.without_inline_colours",
    "STYLES": [
        lambda _: static("desk/admin-colours.css"),
        lambda _: static("desk/admin-frame.css"),
        lambda _: static("desk/admin-index.css"),
    ],
    "SCRIPTS": [
        lambda _: static("desk/admin-policy.js"),
        lambda _: static("desk/admin-search.js"),
        lambda _: static("desk/admin-labels.js"),
    ],
    "SIDEBAR": {"show_search": True, "navigation": "testio_site.navigation.sidebar"},
}

# Database -------------------------------------------------------------------------------------------------------------

# What a session left open inside a transaction keeps locked, its process being suspended or cut off, comes free after
# this: a lease counts as abandoned after TESTIO_LOCK_TIMEOUT, and nobody may wait for its row for long after that. No
# transaction waits for TestIO or for a person, so none that lives is ever idle for a minute.
IDLE_IN_TRANSACTION_SECONDS = min(300, max(60, environment.testio_lock_timeout))
# Each process opens connections as it needs them and gives them back after each request or command.
POOL = {"min_size": 0, "max_size": 20, "timeout": 10, "max_idle": 300}


def _database() -> dict[str, Any]:
    common = {"ENGINE": "testio_site.postgres", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    session = f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s"
    if environment.database_url is None:
        # The name and the address come from the built-in server when the first connection is opened.
        return {
            **common,
            "NAME": "testio_desk",
            "EMBEDDED": DATA_DIR / "postgres",
            "OPTIONS": {"options": session, "pool": POOL},
        }
    options = conninfo_to_dict(environment.database_url.get_secret_value())
    address = {
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
    }
    session = f"{session} {options.pop('options', '')}".rstrip()  # what the address says comes last and wins
    return {**common, **address, "OPTIONS": {"connect_timeout": 10, **options, "options": session, "pool": POOL}}


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
CELERY_TASK_ROUTES = {
    "sync.tasks.refresh_*": {"queue": "products"},
    "reports.tasks.deliver_*": {"queue": "products"},  # may take as long as a product
}
CELERY_BEAT_SCHEDULER = "testio_site.beat:Scheduler"

# Files and mail -------------------------------------------------------------------------------------------------------

DESK_EXPORT_DAYS = environment.desk_export_days
EMAIL_BACKEND = environment.email_backend
EMAIL_HOST = environment.email_host
EMAIL_PORT = environment.email_port
EMAIL_HOST_USER = environment.email_host_user
EMAIL_HOST_PASSWORD = environment.email_host_password.get_secret_value() if environment.email_host_password else ""
EMAIL_USE_TLS = environment.email_use_tls
EMAIL_USE_SSL = environment.email_use_ssl
EMAIL_TIMEOUT = environment.email_timeout
DEFAULT_FROM_EMAIL = environment.email_from

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
# Without `collectstatic` (a demo, a test, a fresh clone) the files are served from where they lie, and are looked for
# when they are asked for: to list all of them takes longer than most tests.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not STATIC_IS_COLLECTED
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site has any business with them
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_IS_COLLECTED or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}

# Security -------------------------------------------------------------------------------------------------------------

# Unencrypted pages are for this machine itself, or where somebody has said so: see testio_site/checks.py.
DESK_PLAIN_HTTP = environment.plain_http
DESK_IS_FOR_THIS_MACHINE = environment.is_for_this_machine
DESK_SECURITY_CONTACT = environment.desk_security_contact
DESK_REQUIRE_TWO_FACTOR = environment.desk_require_two_factor

SECURE_SSL_REDIRECT = not DESK_PLAIN_HTTP
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$"]  # probes come from within, without TLS
SECURE_HSTS_SECONDS = 0 if DESK_PLAIN_HTTP else environment.desk_hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
# Only where a proxy is said to be: anybody else could send this header too.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if environment.desk_behind_proxy else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W021",  # HSTS preloading binds a whole domain for years: that is for the domain's owner to ask for
    # What these four say of plain http, testio_site/checks.py says once, with what to do.
    *(["security.W004", "security.W008", "security.W012", "security.W016"] if DESK_PLAIN_HTTP else []),
]

CSRF_TRUSTED_ORIGINS = environment.django_csrf_trusted_origins
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = not DESK_PLAIN_HTTP
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = "Lax"  # "Strict" would greet whoever follows a link with a login
SESSION_COOKIE_HTTPONLY = True  # the CSRF cookie is read by scripts that call the API
SESSION_COOKIE_AGE = environment.desk_session_hours * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# Nothing is uploaded here; what is sent is small.
FILE_UPLOAD_HANDLERS: list[str] = []
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # bytes

CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy.directives(encrypted=not DESK_PLAIN_HTTP)}

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Logging in: testio_site/entrance/ ------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# One user name from one address: whoever guesses locks out themselves, and nobody else with that name.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or the promised time would never come
AXES_CLIENT_IP_CALLABLE = "testio_site.entrance.guard.client_address"
AXES_LOCKOUT_CALLABLE = "testio_site.entrance.guard.locked_out"
AXES_SENSITIVE_PARAMETERS = ["code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False  # testio_site/admin/entrance.py has its pages
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "TestIO Desk"

# Logs -----------------------------------------------------------------------------------------------------------------

# Of django-structlog we want the id of the request in every line, not two more lines for each request.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # what is left of it: see testio_site/request_ids.py
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None  # finding out who asks would cost /health and every file a query
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO

LOGGING = logs.SETTINGS
logs.configure()
