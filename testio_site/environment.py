"""Every variable this program reads from its surroundings, checked once, before anything else starts.

A variable comes from the process environment or, when it is not set there, from the file `.env` beside `manage.py`
(`ENV_FILE` names another file, or none when it is empty). `.env.example` explains each one.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Self

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from testio_site import values

BASE_DIR = Path(__file__).resolve().parent.parent


class InvalidEnvironment(ImproperlyConfigured):
    """The environment cannot be used. The message names every variable at fault; it shows no secret."""


def _folder(path: Path) -> Path:
    return BASE_DIR / path.expanduser()


def _warning_of(info: ValidationInfo) -> float | None:
    """The warning threshold beside a critical one; None when it was refused itself."""
    warning: float | None = info.data.get(str(info.field_name).replace("_critical", "_warning"))
    return warning


class Environment(BaseSettings):
    """The variables, by their names in lower case. Build it with `read_environment`, which explains what is wrong."""

    model_config = SettingsConfigDict(env_ignore_empty=True, env_file_encoding="utf-8", extra="ignore", frozen=True)

    database_url: values.DatabaseAddress | None = None
    data_dir: Annotated[Path, AfterValidator(_folder)] = BASE_DIR / "var"
    celery_broker_url: values.BrokerAddress | None = None

    django_secret_key: values.SigningKey | None = None
    django_secret_key_fallbacks: values.SigningKeys = []
    django_allowed_hosts: values.Hosts = ["localhost", "127.0.0.1", "[::1]"]
    django_debug: values.Debugging = False  # after the hosts, which it is judged by
    django_csrf_trusted_origins: values.Origins = []
    desk_plain_http: bool | None = None
    desk_behind_proxy: bool = False
    desk_hsts_seconds: int = Field(31_536_000, ge=0, le=63_072_000)
    desk_session_hours: int = Field(12, ge=1, le=720)
    desk_require_two_factor: bool = False
    desk_security_contact: values.Contact | None = None
    desk_audit_days: int = Field(730, ge=0, le=36_500)
    desk_api_requests_per_minute: int = Field(600, ge=0, le=1_000_000)

    testio_customer_api_base_url: values.ApiAddress = "https://api.test.io/customer/v2"
    testio_customer_api_token: values.Token | None = None
    testio_allow_private_addresses: bool | None = None
    testio_customer_name: values.Slug = "default"
    testio_product_ids: values.Ids = []
    testio_sync_since: values.PastDay | None = None

    testio_http_timeout: float = Field(90, ge=1, le=300)
    testio_lock_timeout: int = Field(600, ge=5, le=86_400)
    testio_max_concurrent_requests: int = Field(10, ge=1, le=50)
    testio_page_size: int = Field(100, ge=1, le=200)
    testio_refresh_interval_seconds: int = Field(900, ge=10, le=604_800)
    testio_cache_ttl_seconds: int = Field(3600, ge=0, le=2_592_000)
    testio_retry_wait_seconds: int = Field(60, ge=1, le=86_400)
    testio_retry_limit: int = Field(8, ge=1, le=1000)
    testio_night_starts: int = Field(1, ge=0, le=23)
    testio_night_hours: int = Field(4, ge=1, le=24)
    testio_history_days: int = Field(90, ge=1, le=3650)
    testio_watcher_name: values.Slug = "refresh"

    desk_export_days: int = Field(7, ge=1, le=365)
    email_backend: values.DottedName = "reports.mail.Console"
    email_host: str = "localhost"
    email_port: int = Field(25, ge=1, le=65_535)
    email_host_user: str = ""
    email_host_password: SecretStr | None = None
    email_use_tls: bool = False
    email_use_ssl: bool = False
    email_timeout: int = Field(30, ge=1, le=600)
    email_from: str = "TestIO Desk <testio-desk@localhost>"

    desk_weight_critical: int = Field(5, ge=0, le=1000)
    desk_weight_high: int = Field(3, ge=0, le=1000)
    desk_weight_low: int = Field(1, ge=0, le=1000)
    desk_weight_other: int = Field(1, ge=0, le=1000)
    desk_rejection_warning: float = Field(0.20, ge=0, le=1)
    desk_rejection_critical: float = Field(0.35, ge=0, le=1)
    desk_auto_acceptance_warning: float = Field(0.20, ge=0, le=1)
    desk_auto_acceptance_critical: float = Field(0.40, ge=0, le=1)
    desk_active_acceptance_warning: float = Field(0.35, ge=0, le=1)
    desk_active_acceptance_critical: float = Field(0.20, ge=0, le=1)
    desk_review_warning: float = Field(0.80, ge=0, le=1)
    desk_review_critical: float = Field(0.60, ge=0, le=1)

    @field_validator("desk_rejection_critical", "desk_auto_acceptance_critical")
    @classmethod
    def _critical_is_no_lower(cls, critical: float, info: ValidationInfo) -> float:
        if (warning := _warning_of(info)) is not None and critical < warning:
            raise ValueError(f"must not be below the warning threshold, which is {warning} (it is {critical})")
        return critical

    @field_validator("desk_active_acceptance_critical", "desk_review_critical")
    @classmethod
    def _critical_is_no_higher(cls, critical: float, info: ValidationInfo) -> float:
        if (warning := _warning_of(info)) is not None and critical > warning:
            raise ValueError(f"must not be above the warning threshold, which is {warning} (it is {critical})")
        return critical

    @property
    def is_for_this_machine(self) -> bool:
        """Whether the site answers to nobody but the machine it runs on."""
        return all(map(values.is_of_this_machine, self.django_allowed_hosts))

    @property
    def plain_http(self) -> bool:
        """Whether pages may travel unencrypted: as `DESK_PLAIN_HTTP` says, or else only within this machine."""
        return self.is_for_this_machine if self.desk_plain_http is None else self.desk_plain_http

    @property
    def private_addresses(self) -> bool:
        """Whether a token may be sent into private networks: as `TESTIO_ALLOW_PRIVATE_ADDRESSES` says, or else only
        while debugging."""
        allowed = self.testio_allow_private_addresses
        return self.django_debug if allowed is None else allowed

    @classmethod
    def from_file(cls, path: Path | None) -> Self:
        """The process environment, and behind it the file at `path`. Raises pydantic's ValidationError."""
        return cls(_env_file=path)


def read_environment() -> Environment:
    """Raises InvalidEnvironment with one message that names every variable at fault."""
    try:
        path = _env_file()
        if path is not None and path.is_file():
            _refuse_unreadable_lines(path)
        return Environment.from_file(path)
    except ValidationError as refusal:
        # The chained error would show the values, and among them the secrets.
        raise InvalidEnvironment(_explain(refusal)) from None
    except UnicodeDecodeError:
        raise InvalidEnvironment(f"The file {_env_file()} is not UTF-8 text. Save it as UTF-8.") from None


def _refuse_unreadable_lines(path: Path) -> None:
    """They would be left out without a word. What stands there is not shown: it may be a secret."""
    with path.open(encoding="utf-8") as file:
        faulty = [binding.original for binding in parse_stream(file) if binding.error]
    numbers = [each.line + _empty_lines_before(each.string) for each in faulty]
    if numbers:
        where = f"line {numbers[0]}" if len(numbers) == 1 else f"lines {', '.join(map(str, numbers))}"
        raise InvalidEnvironment(
            f"The file {path} cannot be read in {where}. Write NAME=value, and close every quotation mark."
        )


def _empty_lines_before(text: str) -> int:
    """The parser counts them as part of the line that follows them."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def _env_file() -> Path | None:
    chosen = os.environ.get("ENV_FILE")
    if chosen is None:
        return BASE_DIR / ".env"
    if not chosen:
        return None
    path = _folder(Path(chosen))
    if not path.is_file():
        raise InvalidEnvironment(f"ENV_FILE names {path}, and there is no such file. Correct it or leave it out.")
    return path


def _explain(refusal: ValidationError) -> str:
    faults: dict[str, str] = {}
    for error in refusal.errors(include_url=False, include_context=True):
        faults.setdefault(str(error["loc"][0]).upper(), _sentence(error))
    lines = [f"  {name} {fault}." for name, fault in faults.items()]
    return "\n".join(["The environment cannot be used. Correct these variables (see .env.example):", *lines])


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    shown = "" if _is_secret(str(error["loc"][0])) else f" (it is {error['input']!r})"
    return f"{_expectation(str(error['loc'][0]), error)}{shown}"


def _is_secret(field: str) -> bool:
    return "SecretStr" in str(Environment.model_fields[field])


def _expectation(field: str, error: ErrorDetails) -> str:
    if field == "testio_product_ids":
        return "must be product ids separated by commas, such as 12,34"
    if field == "testio_sync_since":
        return "must be a date, such as 2026-01-31"
    if error["type"].startswith("bool"):
        return "must be true or false"
    bounds = _bounds(field)
    return f"must be a number from {bounds[0]} to {bounds[1]}" if bounds else str(error["msg"])


def _bounds(field: str) -> tuple[Any, Any] | None:
    rules = Environment.model_fields[field].metadata
    limits = {name: getattr(rule, name) for rule in rules for name in ("ge", "le") if hasattr(rule, name)}
    return (limits["ge"], limits["le"]) if limits else None
