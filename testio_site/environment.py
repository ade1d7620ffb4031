"""Every variable this program reads from its surroundings, checked once, before anything else starts.

A variable comes from the process environment or, when it is not set there, from the file `.env` beside `manage.py`
(`ENV_FILE` names another file, or none when it is empty). `.env.example` explains each one.
"""

import os
import re
import secrets
import tempfile
from contextlib import suppress
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream
from psycopg import Error as DriverError
from psycopg import conninfo, pq
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sync.testio import address

BASE_DIR = Path(__file__).resolve().parent.parent

BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps", "filesystem", "memory")


class InvalidEnvironment(ImproperlyConfigured):
    """The environment cannot be used. The message names every variable at fault; it shows no secret."""


def _split(value: object) -> object:
    """Comma-separated text as a list; whatever is not text is left to pydantic."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_ids(value: object) -> object:
    """As `_split`; a JSON list of numbers is understood too."""
    return _split(value.strip().strip("[]")) if isinstance(value, str) else value


def _no_spaces_inside(names: list[str]) -> list[str]:
    for name in names:
        if re.search(r"[\s/]", name):
            raise ValueError("must be host names separated by commas, such as desk.example.com,localhost")
    return names


def is_of_this_machine(host: str) -> bool:
    """Whether a host name of `DJANGO_ALLOWED_HOSTS` leads nowhere but to the machine itself."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _safe_to_debug(debug: bool, others: ValidationInfo) -> bool:
    """Tracebacks show the program's insides, so nobody else may reach them."""
    public = [host for host in others.data.get("django_allowed_hosts", ()) if not is_of_this_machine(host)]
    if debug and public:
        raise ValueError(
            f"must be false while DJANGO_ALLOWED_HOSTS names what others can reach ({', '.join(public)}): "
            "it would show them tracebacks and settings"
        )
    return debug


def _origins(origins: list[str]) -> list[str]:
    for origin in origins:
        if not re.fullmatch(r"https?://[^\s/?#@]+", origin):
            raise ValueError("must be origins separated by commas, such as https://desk.example.com:8443")
    return origins


def _contact(address: str) -> str:
    if not re.fullmatch(r"mailto:[^\s@]+@[^\s@]+|https://\S+|tel:\+?[\d-]+", address):
        raise ValueError(
            "must be where to report to, such as mailto:security@example.com or https://example.com/report"
        )
    return address


def _slug(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,49}", name):
        raise ValueError("must be lower-case letters, digits, - and _, at most 50 of them, such as my-company")
    return name


def _dotted_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name):
        raise ValueError(
            "must name a class of Django's mail backends, such as django.core.mail.backends.smtp.EmailBackend"
        )
    return name


def _api_address(url: str) -> str:
    if not address.is_safe(url):
        raise ValueError(address.RULE)
    return url.rstrip("/")


def _day_that_has_come(day: date) -> date:
    if day > datetime.now(UTC).date():
        raise ValueError(f"must not be a day that is still to come: every test ended before it (it is '{day}')")
    return day


def _broker_address(secret: SecretStr) -> SecretStr:
    scheme, mark, _ = secret.get_secret_value().partition("://")
    if not mark or scheme not in BROKER_SCHEMES:
        raise ValueError(f"must be an address that begins with one of {', '.join(BROKER_SCHEMES)}, followed by ://")
    return secret


def _database_address(secret: SecretStr) -> SecretStr:
    # libpq's own complaint is not passed on: it may quote the whole address, with the password.
    url = secret.get_secret_value()
    scheme = url.partition(":")[0]
    if scheme not in ("postgres", "postgresql"):
        raise ValueError("must begin with postgresql://: PostgreSQL is the only database this program can use")
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    if unknown := sorted({name for name, _ in parse_qsl(url.partition("?")[2])} - known):
        raise ValueError(f"has options that PostgreSQL does not know: {', '.join(unknown)}")
    try:
        parsed = conninfo.conninfo_to_dict(url)
    except DriverError:
        raise ValueError("cannot be read; it must look like postgresql://user:password@host:5432/name") from None
    if not parsed.get("dbname"):
        raise ValueError("names no database; it must look like postgresql://user:password@host:5432/name")
    return secret


def _folder(path: Path) -> Path:
    return BASE_DIR / path.expanduser()


def _filled(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\S+", secret.get_secret_value()):
        raise ValueError("must not contain blanks or line breaks")
    return secret


def _strong(secret: SecretStr) -> SecretStr:
    key = secret.get_secret_value()
    is_repeated = (key + key).find(key, 1) < len(key)  # a phrase, written again and again
    if len(key) < 50 or len(set(key)) < 10 or is_repeated or key.startswith("django-insecure-"):
        raise ValueError(
            "must be at least 50 characters, at least 10 different ones, and made by chance; "
            "leave it out to have one made and kept in DATA_DIR"
        )
    return secret


def _warning_of(info: ValidationInfo) -> float | None:
    """The warning threshold beside a critical one; None when it was refused itself."""
    warning: float | None = info.data.get(str(info.field_name).replace("_critical", "_warning"))
    return warning


Names = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Ids = Annotated[list[Annotated[int, Field(ge=1)]], NoDecode, BeforeValidator(_split_ids)]
Secrets = Annotated[list[Annotated[SecretStr, AfterValidator(_strong)]], NoDecode, BeforeValidator(_split)]


class Environment(BaseSettings):
    """The variables, by their names in lower case. Build it with `read_environment`, which explains what is wrong."""

    model_config = SettingsConfigDict(env_ignore_empty=True, env_file_encoding="utf-8", extra="ignore", frozen=True)

    database_url: Annotated[SecretStr, AfterValidator(_database_address)] | None = None
    data_dir: Annotated[Path, AfterValidator(_folder)] = BASE_DIR / "var"
    celery_broker_url: Annotated[SecretStr, AfterValidator(_broker_address)] | None = None

    django_secret_key: Annotated[SecretStr, AfterValidator(_strong)] | None = None
    django_secret_key_fallbacks: Secrets = []
    django_allowed_hosts: Annotated[Names, AfterValidator(_no_spaces_inside)] = ["localhost", "127.0.0.1", "[::1]"]
    django_debug: Annotated[bool, AfterValidator(_safe_to_debug)] = False  # after the hosts, which it is judged by
    django_csrf_trusted_origins: Annotated[Names, AfterValidator(_origins)] = []
    desk_plain_http: bool | None = None
    desk_behind_proxy: bool = False
    desk_hsts_seconds: int = Field(31_536_000, ge=0, le=63_072_000)
    desk_session_hours: int = Field(12, ge=1, le=720)
    desk_require_two_factor: bool = False
    desk_security_contact: Annotated[str, AfterValidator(_contact)] | None = None
    desk_api_requests_per_minute: int = Field(600, ge=0, le=1_000_000)

    testio_customer_api_base_url: Annotated[str, AfterValidator(_api_address)] = "https://api.test.io/customer/v2"
    testio_customer_api_token: Annotated[SecretStr, AfterValidator(_filled)] | None = None
    testio_allow_private_addresses: bool | None = None
    testio_customer_name: Annotated[str, AfterValidator(_slug)] = "default"
    testio_product_ids: Ids = []
    testio_sync_since: Annotated[date, AfterValidator(_day_that_has_come)] | None = None

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
    testio_watcher_name: Annotated[str, AfterValidator(_slug)] = "refresh"

    desk_export_days: int = Field(7, ge=1, le=365)
    email_backend: Annotated[str, AfterValidator(_dotted_name)] = "reports.mail.Console"
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
        return all(map(is_of_this_machine, self.django_allowed_hosts))

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

    def secret_key(self) -> str:
        """The signing key: `DJANGO_SECRET_KEY`, or one made once and kept in `DATA_DIR/secret_key`."""
        if self.django_secret_key is not None:
            return self.django_secret_key.get_secret_value()
        return kept_secret_key(self.data_dir / "secret_key")

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


def kept_secret_key(path: Path) -> str:
    """The key in the file at `path`, made on first use, readable by its owner only.

    Safe when several processes start at once: the first file to get the name wins and all read that one.
    Raises InvalidEnvironment when the file can be neither read nor made, or holds something else.
    """
    try:
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not plain text"
        raise InvalidEnvironment(
            f"The signing key could not be kept in {path}: {reason}. "
            "Set DJANGO_SECRET_KEY, or point DATA_DIR at a folder this user may write."
        ) from failure
    if len(key) < 32:
        raise InvalidEnvironment(f"{path} holds no usable key. Delete it to have one made, or set DJANGO_SECRET_KEY.")
    return key


def _make_secret_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key")  # created with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, never replaces the key another process just made
    finally:
        Path(draft).unlink()
