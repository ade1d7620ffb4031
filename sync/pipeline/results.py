"""Test-case tests: their definitions and executions."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
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

#: Tests stored in one transaction. Their lists are short: one by one, the lease and the commit cost more than they.
_CHUNK = 10

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """What TestIO said of one test-case test."""

    test_id: int
    definition: Json
    results: list[Json]


def sync_results(work: Work) -> None:
    """Read cases and results of every test-case test that is due; nothing is recorded for products without any."""
    test_ids = _due(work)
    if not test_ids:
        return
    with phase(work.context.event, SyncPhase.Name.RESULTS, work.product) as recorded:
        answers = _answers(work, recorded, test_ids)
        while chunk := list(islice(answers, _CHUNK)):
            _store(work, recorded, chunk)


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


def _answers(work: Work, recorded: Phase, test_ids: Sequence[int]) -> Iterator[Answers]:
    """Definition and results of one test after the other, some asked for ahead."""
    client, submit = work.client(recorded), work.context.fetchers.submit
    remaining = iter(test_ids)
    asked: deque[tuple[int, Future[Json], Future[list[Json]]]] = deque()
    try:
        while True:
            for test_id in islice(remaining, max(0, work.context.ahead - len(asked))):
                definition = submit(client.test_case_test, work.product.pk, test_id)
                asked.append((test_id, definition, submit(client.test_case_results, work.product.pk, test_id)))
            if not asked:
                return
            test_id, definition, results = asked.popleft()
            work.context.check_stop()
            try:
                yield Answers(test_id, definition.result(), results.result())
            except (TestIONotFound, TestIOUnreadable, TestIOUnexpected) as error:
                recorded.problem(_not_read(test_id, error))
    finally:
        for _, definition, results in asked:
            definition.cancel()
            results.cancel()


def _not_read(test_id: int, error: TestIOError) -> str:
    return f"The test-case results of test {test_id} could not be read and are tried again next time: {error}"


def _store(work: Work, recorded: Phase, chunk: Sequence[Answers]) -> None:
    final = Test.objects.filter(pk=OuterRef("pk"), status__in=FINAL_STATUSES)
    lists = {answers.test_id: _parsed(answers, recorded) for answers in chunk}
    believed: list[int] = []
    with work.page(recorded):
        for test_id, saved in store.save_results(lists).items():
            for sentence in saved.refused:
                recorded.problem(sentence)
            if not saved.refused:  # what is doubted stays due
                believed.append(test_id)
            seen = len(lists[test_id].results)
            recorded.count(seen=seen, created=len(saved.created), updated=len(saved.updated))
        freshness = TestFreshness.objects.filter(pk__in=believed)
        freshness.update(results_synced_at=timezone.now(), results_settled=Exists(final))


def _parsed(answers: Answers, recorded: Phase) -> store.CaseLists:
    definitions = answers.definition.get("test_cases")
    cases = parsed(parse_case, definitions if isinstance(definitions, list) else [], recorded)
    return store.CaseLists(cases, parsed(parse_result, answers.results, recorded))
