"""The variables: what they may be, and what is said when they are not."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from testio_site.environment import BASE_DIR, Environment, InvalidEnvironment, read_environment

Read = Callable[..., Environment]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads an environment in which only these variables are set."""

    def read_these(**variables: str) -> Environment:
        for name in [*Environment.model_fields, "env_file"]:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in ({"ENV_FILE": ""} | variables).items():
            monkeypatch.setenv(name, value)
        return read_environment()

    return read_these


def refused(read: Read, **variables: str) -> dict[str, str]:
    """The variables at fault, each with what is said of it."""
    with pytest.raises(InvalidEnvironment) as refusal:
        read(**variables)
    first, *lines = str(refusal.value).splitlines()
    assert first == "The environment cannot be used. Correct these variables (see .env.example):"
    return dict(line.strip().split(" ", 1) for line in lines)


def test_an_empty_environment_has_every_default(read: Read) -> None:
    assert read().model_dump() == {
        "database_url": None,
        "data_dir": BASE_DIR / "var",
        "celery_broker_url": None,
        "django_secret_key": None,
        "django_secret_key_fallbacks": [],
        "django_debug": False,
        "django_allowed_hosts": ["localhost", "127.0.0.1", "[::1]"],
        "django_csrf_trusted_origins": [],
        "desk_plain_http": None,
        "desk_behind_proxy": False,
        "desk_hsts_seconds": 31_536_000,
        "desk_session_hours": 12,
        "desk_require_two_factor": False,
        "desk_security_contact": None,
        "desk_audit_days": 730,
        "desk_api_requests_per_minute": 600,
        "testio_allow_private_addresses": None,
        "testio_customer_api_base_url": "https://api.test.io/customer/v2",
        "testio_customer_api_token": None,
        "testio_customer_name": "default",
        "testio_product_ids": [],
        "testio_sync_since": None,
        "testio_http_timeout": 90,
        "testio_lock_timeout": 600,
        "testio_max_concurrent_requests": 10,
        "testio_page_size": 100,
        "testio_refresh_interval_seconds": 900,
        "testio_cache_ttl_seconds": 3600,
        "testio_retry_wait_seconds": 60,
        "testio_retry_limit": 8,
        "testio_night_starts": 1,
        "testio_night_hours": 4,
        "testio_history_days": 90,
        "testio_watcher_name": "refresh",
        "desk_export_days": 7,
        "email_backend": "reports.mail.Console",
        "email_host": "localhost",
        "email_port": 25,
        "email_host_user": "",
        "email_host_password": None,
        "email_use_tls": False,
        "email_use_ssl": False,
        "email_timeout": 30,
        "email_from": "TestIO Desk <testio-desk@localhost>",
        "desk_weight_critical": 5,
        "desk_weight_high": 3,
        "desk_weight_low": 1,
        "desk_weight_other": 1,
        "desk_rejection_warning": 0.20,
        "desk_rejection_critical": 0.35,
        "desk_auto_acceptance_warning": 0.20,
        "desk_auto_acceptance_critical": 0.40,
        "desk_active_acceptance_warning": 0.35,
        "desk_active_acceptance_critical": 0.20,
        "desk_review_warning": 0.80,
        "desk_review_critical": 0.60,
    }


def test_a_variable_that_is_set_to_nothing_is_not_set(read: Read) -> None:
    nothing = {name.upper(): "" for name in Environment.model_fields}
    assert read(**nothing) == read()


def test_values_are_read_in_the_forms_people_write(read: Read) -> None:
    environment = read(
        DATA_DIR="elsewhere",
        DJANGO_DEBUG="1",
        DJANGO_ALLOWED_HOSTS="desk.localhost, localhost",
        TESTIO_CUSTOMER_API_BASE_URL="http://127.0.0.1:8123/customer/v2/",
        TESTIO_PRODUCT_IDS="[12, 34]",
        TESTIO_SYNC_SINCE="2026-01-31",
    )
    assert environment.data_dir == BASE_DIR / "elsewhere"
    assert environment.django_debug is True
    assert environment.django_allowed_hosts == ["desk.localhost", "localhost"]
    assert environment.testio_customer_api_base_url == "http://127.0.0.1:8123/customer/v2"
    assert environment.testio_product_ids == [12, 34]
    assert environment.testio_sync_since == date(2026, 1, 31)


def test_one_message_names_every_bad_variable_and_what_is_allowed(read: Read) -> None:
    assert refused(
        read,
        DJANGO_DEBUG="perhaps",
        DJANGO_ALLOWED_HOSTS="https://desk.example.com",
        TESTIO_CUSTOMER_API_BASE_URL="http://api.test.io/customer/v2",
        TESTIO_CUSTOMER_NAME="My Company",
        TESTIO_PRODUCT_IDS="12,twelve,0",
        TESTIO_SYNC_SINCE="yesteryear",
        TESTIO_HTTP_TIMEOUT="0.5",
        TESTIO_LOCK_TIMEOUT="4",
        TESTIO_MAX_CONCURRENT_REQUESTS="51",
        TESTIO_PAGE_SIZE="many",
        TESTIO_REFRESH_INTERVAL_SECONDS="-1",
        TESTIO_CACHE_TTL_SECONDS="1.5",
    ) == {
        "DJANGO_DEBUG": "must be true or false (it is 'perhaps').",
        "DJANGO_ALLOWED_HOSTS": "must be host names separated by commas, such as desk.example.com,localhost.",
        "TESTIO_CUSTOMER_API_BASE_URL": "must be an https:// address (http:// only for this machine itself), "
        "such as https://api.test.io/customer/v2.",
        "TESTIO_CUSTOMER_NAME": "must be lower-case letters, digits, - and _, at most 50 of them, such as my-company.",
        "TESTIO_PRODUCT_IDS": "must be product ids separated by commas, such as 12,34 (it is 'twelve').",
        "TESTIO_SYNC_SINCE": "must be a date, such as 2026-01-31 (it is 'yesteryear').",
        "TESTIO_HTTP_TIMEOUT": "must be a number from 1 to 300 (it is '0.5').",
        "TESTIO_LOCK_TIMEOUT": "must be a number from 5 to 86400 (it is '4').",
        "TESTIO_MAX_CONCURRENT_REQUESTS": "must be a number from 1 to 50 (it is '51').",
        "TESTIO_PAGE_SIZE": "must be a number from 1 to 200 (it is 'many').",
        "TESTIO_REFRESH_INTERVAL_SECONDS": "must be a number from 10 to 604800 (it is '-1').",
        "TESTIO_CACHE_TTL_SECONDS": "must be a number from 0 to 2592000 (it is '1.5').",
    }


def test_debugging_is_refused_where_others_can_reach_the_site(read: Read) -> None:
    assert refused(read, DJANGO_DEBUG="true", DJANGO_ALLOWED_HOSTS="localhost,desk.example.com,10.0.0.5") == {
        "DJANGO_DEBUG": "must be false while DJANGO_ALLOWED_HOSTS names what others can reach "
        "(desk.example.com, 10.0.0.5): it would show them tracebacks and settings."
    }


@pytest.mark.parametrize(
    ("hosts", "said", "plain"),
    [
        ("localhost,127.0.0.1,[::1],desk.localhost", "", True),
        ("localhost,desk.example.com", "", False),
        ("*", "", False),
        ("192.168.1.7", "", False),
        ("desk.intranet", "true", True),
        ("localhost", "false", False),
    ],
)
def test_plain_http_is_for_this_machine_unless_somebody_says_so(read: Read, hosts: str, said: str, plain: bool) -> None:
    assert read(DJANGO_ALLOWED_HOSTS=hosts, DESK_PLAIN_HTTP=said).plain_http is plain


def test_tokens_go_into_private_networks_only_while_debugging_or_where_somebody_says_so(read: Read) -> None:
    asked = [read(), read(DJANGO_DEBUG="1"), read(TESTIO_ALLOW_PRIVATE_ADDRESSES="true")]
    assert [environment.private_addresses for environment in asked] == [False, True, True]


def test_odd_values_of_the_sites_own_safety_are_refused_by_name(read: Read) -> None:
    assert refused(
        read,
        DESK_PLAIN_HTTP="perhaps",
        DESK_HSTS_SECONDS="-1",
        DESK_SESSION_HOURS="0",
        DESK_SECURITY_CONTACT="call us",
        DJANGO_CSRF_TRUSTED_ORIGINS="desk.example.com",
    ) == {
        "DESK_PLAIN_HTTP": "must be true or false (it is 'perhaps').",
        "DESK_HSTS_SECONDS": "must be a number from 0 to 63072000 (it is '-1').",
        "DESK_SESSION_HOURS": "must be a number from 1 to 720 (it is '0').",
        "DESK_SECURITY_CONTACT": "must be where to report to, such as mailto:security@example.com "
        "or https://example.com/report.",
        "DJANGO_CSRF_TRUSTED_ORIGINS": "must be origins separated by commas, such as https://desk.example.com:8443.",
    }


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        (
            "DATABASE_URL",
            "mysql://me:hunter2@host/desk",
            "must begin with postgresql://: PostgreSQL is the only database",
        ),
        ("DATABASE_URL", "hunter2", "must begin with postgresql://: PostgreSQL is the only database"),
        (
            "DATABASE_URL",
            "postgresql://me:hunter2@host/desk?sslmod=require",
            "has options that PostgreSQL does not know: sslmod",
        ),
        ("DATABASE_URL", "postgresql://me:hunter2@host", "names no database"),
        ("DATABASE_URL", "postgresql://me:hunter2@[host/desk", "cannot be read"),
        ("CELERY_BROKER_URL", "hunter2", "must be an address that begins with one of redis, rediss"),
        ("DJANGO_SECRET_KEY", "hunter2", "must be at least 50 characters"),
        ("DJANGO_SECRET_KEY", "hunter2" * 10, "must be at least 50 characters, at least 10 different ones"),
        ("DJANGO_SECRET_KEY", "hunter2password123" * 3, "must be at least 50 characters"),
        (
            "DJANGO_SECRET_KEY",
            "django-insecure-hunter2-0123456789-0123456789-0123456789",
            "must be at least 50 characters",
        ),
        ("DJANGO_SECRET_KEY_FALLBACKS", "hunter2,hunter2", "must be at least 50 characters"),
        ("TESTIO_CUSTOMER_API_TOKEN", "hunter2 hunter2", "must not contain blanks or line breaks"),
    ],
)
def test_a_secret_is_refused_without_being_shown(read: Read, name: str, value: str, complaint: str) -> None:
    said = refused(read, **{name: value})
    assert list(said) == [name]
    assert said[name].startswith(complaint)
    assert "hunter2" not in said[name]


def test_no_secret_shows_in_the_environments_own_text(read: Read) -> None:
    environment = read(
        DATABASE_URL="postgresql://me:hunter2@host/desk",
        CELERY_BROKER_URL="redis://:hunter2@host",
        DJANGO_SECRET_KEY="hunter2" * 5 + "abcdefghijklmnop",
        TESTIO_CUSTOMER_API_TOKEN="hunter2",
    )
    assert "hunter2" not in repr(environment)


def test_the_process_wins_over_the_file(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "desk.env"
    file.write_text("TESTIO_PAGE_SIZE=50\nTESTIO_LOCK_TIMEOUT=30 # a remark\nSOMETHING_ELSE=1\n")
    environment = read(ENV_FILE=str(file), TESTIO_PAGE_SIZE="20")
    assert (environment.testio_page_size, environment.testio_lock_timeout) == (20, 30)


def test_a_day_to_come_is_refused_and_today_is_not(read: Read) -> None:
    today = datetime.now(UTC).date()
    assert read(TESTIO_SYNC_SINCE=today.isoformat()).testio_sync_since == today
    assert refused(read, TESTIO_SYNC_SINCE="2099-01-01") == {
        "TESTIO_SYNC_SINCE": "must not be a day that is still to come: every test ended before it (it is '2099-01-01')."
    }


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('DJANGO_SECRET_KEY="hunter2', "line 1"),
        ("# a remark\nTESTIO_PAGE_SIZE=50\n\n\nDJANGO_SECRET_KEY='hunter2\nDJANGO_DEBUG=1\n", "line 5"),
        ('DJANGO_DEBUG=1\r\n\r\nDJANGO_SECRET_KEY="hunter2\r\n', "line 3"),
        ("TESTIO_CUSTOMER_API_TOKEN: hunter2\nDJANGO_DEBUG=1\n=hunter2\n", "lines 1, 3"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_without_being_shown(
    read: Read, tmp_path: Path, text: str, where: str
) -> None:
    file = tmp_path / "desk.env"
    file.write_bytes(text.encode())
    with pytest.raises(InvalidEnvironment) as refusal:
        read(ENV_FILE=str(file))
    assert str(refusal.value) == (
        f"The file {file} cannot be read in {where}. Write NAME=value, and close every quotation mark."
    )


def test_a_file_that_is_not_there_is_named(read: Read, tmp_path: Path) -> None:
    with pytest.raises(InvalidEnvironment) as refusal:
        read(ENV_FILE=str(tmp_path / "none.env"))
    assert str(refusal.value) == (
        f"ENV_FILE names {tmp_path / 'none.env'}, and there is no such file. Correct it or leave it out."
    )


def test_the_example_file_explains_every_variable_and_is_itself_valid(read: Read) -> None:
    example = BASE_DIR / ".env.example"
    names = re.findall(r"^([A-Z_]+)=", example.read_text(), re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Environment.model_fields)
    assert read(ENV_FILE=str(example)) == read()
