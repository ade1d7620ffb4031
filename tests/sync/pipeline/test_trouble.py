import psycopg
import pytest
from django.db import OperationalError, connection

from sync.limiter import PostgresLimiter
from sync.models import Customer
from sync.pipeline import trouble
from sync.pipeline.trouble import about_database, patiently
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def drop_our_connection() -> None:
    """As a server that is restarted does: the next statement fails."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        other.close()


def test_a_connection_that_was_dropped_is_replaced_and_the_work_repeated() -> None:
    times: list[int] = []

    def work() -> None:
        if not times:
            times.append(1)
            drop_our_connection()
        times.append(len(times))
        CustomerFactory.create()

    patiently(work)
    assert Customer.objects.count() == 1
    assert len(times) > 2


def test_a_database_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "PATIENCE", 0.2)

    def work() -> None:
        raise OperationalError("the server is away")

    with pytest.raises(OperationalError, match="the server is away"):
        patiently(work)


NO_SPACE = 'could not extend file "base/16384/16696": No space left on device'
NOT_STARTED = f"The built-in PostgreSQL could not be started: {NO_SPACE}. Free disk space and run this again."


def test_a_full_disk_is_not_waited_for() -> None:
    times: list[int] = []

    def work() -> None:
        times.append(1)
        raise OperationalError(NO_SPACE)

    with pytest.raises(OperationalError, match="No space left on device"):
        patiently(work)
    assert len(times) == 1


def test_no_call_waits_for_a_server_that_cannot_start_on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError(NOT_STARTED)

    monkeypatch.setattr(connection, "get_connection_params", refuse)
    with pytest.raises(OperationalError, match="Free disk space"), PostgresLimiter(1, 1) as limiter, limiter.slot():
        raise AssertionError("a call was admitted")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            NO_SPACE,
            f"The database has no room left ({NO_SPACE}). Free disk space and run this again; what was stored stays.",
        ),
        (NOT_STARTED, NOT_STARTED),
        (
            "server closed the connection unexpectedly\n\tThis probably means",
            (
                "The database did not do its part: server closed the connection unexpectedly. "
                "Check DATABASE_URL and that the server runs, then try again."
            ),
        ),
    ],
)
def test_what_the_database_said_becomes_one_sentence_with_advice(said: str, sentence: str) -> None:
    assert about_database(OperationalError(said)) == sentence


def test_a_full_disk_is_known_by_its_code_in_any_language() -> None:
    error = OperationalError("Auf dem Gerät ist kein Speicherplatz mehr verfügbar")
    error.__cause__ = psycopg.errors.DiskFull()
    assert about_database(error).startswith("The database has no room left (Auf dem Gerät")
