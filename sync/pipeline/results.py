"""Test-case tests: their definitions and executions."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from sync import store
from sync.models import SyncPhase, Test, TestFreshness
from sync.models.test import FINAL_STATUSES
from sync.pipeline.context import Work
from sync.pipeline.parsing import parsed
from sync.runs import Phase, phase
from sync.testio.errors import TestIOError, TestIONotFound, TestIOUnexpected, TestIOUnreadable
from sync.testio.payloads import parse_case, parse_result

_CHUNK = 10


def sync_results(work: Work) -> None:
    """Read cases and results of every test-case test that is due; nothing is recorded for products without any."""
    test_ids = _due(work)
    if not test_ids:
        return
    with phase(work.context.event, SyncPhase.Name.RESULTS, work.product) as recorded:
        for test_id, answer in _answers(work, recorded, test_ids):
            _store(work, recorded, test_id, *answer)


def _due(work: Work) -> list[int]:
    """As for bugs: never read or changed since, outdated while unfinished, once more when final."""
    freshness = TestFreshness.objects.filter(
        test__product=work.product, test__missing_since=None, test__testing_type=None
    )
    if not work.context.options.force:
        outdated = timezone.now() - timedelta(seconds=settings.TESTIO_CACHE_TTL_SECONDS)
        final = Q(test__status__in=FINAL_STATUSES)
        freshness = freshness.filter(
            Q(results_synced_at=None) | Q(results_settled=False) & (final | Q(results_synced_at__lt=outdated))
        )
    return list(freshness.order_by("pk").values_list("pk", flat=True))


def _answers(
    work: Work, recorded: Phase, test_ids: Sequence[int]
) -> Iterator[tuple[int, tuple[dict[str, Any], list[dict[str, Any]]]]]:
    """Definition and results of one test after the other, a few asked for at once."""
    client, submit = work.client(recorded), work.context.fetchers.submit
    remaining = iter(test_ids)
    while chunk := list(islice(remaining, _CHUNK)):
        work.context.check_stop()
        asked: list[tuple[int, Future[dict[str, Any]], Future[list[dict[str, Any]]]]] = [
            (
                test_id,
                submit(client.test_case_test, work.product.pk, test_id),
                submit(client.test_case_results, work.product.pk, test_id),
            )
            for test_id in chunk
        ]
        for test_id, definition, results in asked:
            try:
                yield test_id, (definition.result(), results.result())
            except (TestIONotFound, TestIOUnreadable, TestIOUnexpected) as error:
                recorded.problem(_not_read(test_id, error))


def _not_read(test_id: int, error: TestIOError) -> str:
    return f"The test-case results of test {test_id} could not be read and are tried again next time: {error}"


def _store(
    work: Work, recorded: Phase, test_id: int, definition: dict[str, Any], results: list[dict[str, Any]]
) -> None:
    definitions = definition.get("test_cases")
    cases = parsed(parse_case, definitions if isinstance(definitions, list) else [], recorded)
    executions = parsed(parse_result, results, recorded)
    final = Test.objects.filter(pk=OuterRef("pk"), status__in=FINAL_STATUSES)
    with work.page(recorded):
        saved = store.save_results(test_id, cases, executions)
        recorded.count(seen=len(executions), created=len(saved.created), updated=len(saved.updated))
        TestFreshness.objects.filter(pk=test_id).update(results_synced_at=timezone.now(), results_settled=Exists(final))
