"""What a variable of the environment may hold, kind by kind: read as people write it, or refused in a sentence.

The sentence goes on after the variable's name, and never shows a secret.
"""

import re
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qsl

from psycopg import Error as DriverError
from psycopg import conninfo, pq
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from sync.testio import address

BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps", "filesystem", "memory")


def _split(value: object) -> object:
    """Comma-separated text as a list; whatever is not text is left to pydantic."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_ids(value: object) -> object:
    """As `_split`; a JSON list of numbers is understood too."""
    return _split(value.strip().strip("[]")) if isinstance(value, str) else value


def _like(pattern: str, sentence: str) -> AfterValidator:
    """Text that is nothing but ``pattern``; ``sentence`` is said of any other."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(sentence)
        return text

    return AfterValidator(checked)


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


Host = Annotated[str, _like(r"[^\s/]+", "must be host names separated by commas, such as desk.example.com,localhost")]
Hosts = Annotated[list[Host], NoDecode, BeforeValidator(_split)]
#: Stands after ``django_allowed_hosts``, by which it is judged.
Debugging = Annotated[bool, AfterValidator(_safe_to_debug)]
Origin = Annotated[
    str, _like(r"https?://[^\s/?#@]+", "must be origins separated by commas, such as https://desk.example.com:8443")
]
Origins = Annotated[list[Origin], NoDecode, BeforeValidator(_split)]
Contact = Annotated[
    str,
    _like(
        r"mailto:[^\s@]+@[^\s@]+|https://\S+|tel:\+?[\d-]+",
        "must be where to report to, such as mailto:security@example.com or https://example.com/report",
    ),
]

Slug = Annotated[
    str,
    _like(
        r"[a-z0-9][a-z0-9_-]{0,49}",
        "must be lower-case letters, digits, - and _, at most 50 of them, such as my-company",
    ),
]
DottedName = Annotated[
    str,
    _like(
        r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
        "must name a class of Django's mail backends, such as django.core.mail.backends.smtp.EmailBackend",
    ),
]
Ids = Annotated[list[Annotated[int, Field(ge=1)]], NoDecode, BeforeValidator(_split_ids)]
ApiAddress = Annotated[str, AfterValidator(_api_address)]
PastDay = Annotated[date, AfterValidator(_day_that_has_come)]

DatabaseAddress = Annotated[SecretStr, AfterValidator(_database_address)]
BrokerAddress = Annotated[SecretStr, AfterValidator(_broker_address)]
Token = Annotated[SecretStr, AfterValidator(_filled)]
SigningKey = Annotated[SecretStr, AfterValidator(_strong)]
SigningKeys = Annotated[list[SigningKey], NoDecode, BeforeValidator(_split)]
