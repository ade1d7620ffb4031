"""`/health`: this process answers. `/ready`: so do the parts it needs. For load balancers and people, without a login.

No part is waited for much longer than PATIENCE. What is said of a part is a sentence of ours: the addresses, names
and passwords that drivers put into their errors are for the log.
"""

import logging
import os
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError

from testio_site.celery import app

log = logging.getLogger(__name__)

#: Seconds.
PATIENCE = 2
OK = "ok"


@require_safe
@never_cache
@login_not_required
def health(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": OK, "timestamp": timezone.now()})


@require_safe
@never_cache
@login_not_required
def ready(_: HttpRequest) -> JsonResponse:
    """200, or 503 when a part is not ``ok``; then ``parts`` says which and what to do."""
    parts = _database() | {"broker": _broker()}
    is_ready = set(parts.values()) == {OK}
    answer = {"status": OK if is_ready else "unavailable", "timestamp": timezone.now(), "parts": parts}
    return JsonResponse(answer, status=200 if is_ready else 503)


def _database() -> dict[str, str]:
    try:
        applied = _applied_migrations()
    except psycopg.errors.UndefinedTable:
        applied = set()
    except (psycopg.Error, OperationalError) as error:
        log.warning("Not ready: the database: %s", " ".join(str(error).split()))
        return {"database": "does not answer; see DATABASE_URL and the log", "migrations": "unknown"}
    missing = len(_migrations() - applied)
    return {"database": OK, "migrations": f"{missing} not applied; run manage.py migrate" if missing else OK}


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """All that this version of the program needs, and `migrate` would apply to an empty database."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)


def _applied_migrations() -> set[tuple[str, str]]:
    # A connection of its own: the pool would make a probe wait for its turn, and its time-outs are not ours.
    parameters: dict[str, Any] = {
        **connection.get_connection_params(),
        "connect_timeout": PATIENCE,
        "tcp_user_timeout": PATIENCE * 1000,
        "options": f"-c statement_timeout={PATIENCE * 1000}",
        "application_name": "testio-desk ready",
    }
    for name in ("context", "cursor_factory", "prepare_threshold"):  # Django's way of using psycopg, not addresses
        parameters.pop(name, None)
    with psycopg.connect(**parameters, autocommit=True) as session:
        return set(session.execute("SELECT app, name FROM django_migrations").fetchall())


def _broker() -> str:
    if settings.BROKER_IS_FILES:
        folder = settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]
        return OK if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "its folder in DATA_DIR cannot be used"
    # Other brokers know none of Redis's options; they keep to ``connect_timeout``.
    options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE} if settings.BROKER_IS_REDIS else {}
    try:
        with app.connection_for_write(connect_timeout=PATIENCE, transport_options=options) as broker:
            broker.ensure_connection(max_retries=1, timeout=PATIENCE)
            broker.default_channel.close()
    except (BrokerError, OSError) as error:
        log.warning("Not ready: the broker: %s", type(error).__name__)
        return "does not answer; see CELERY_BROKER_URL and the log"
    return OK
