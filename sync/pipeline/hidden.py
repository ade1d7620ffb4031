"""Bugs of tests that no list shows: asked for by product, since nobody knows their tests' ids.

They are stored waiting for their test. What they mention is the best hint a person can get at what a gap hides.
"""

from django.db.models import Max
from django.utils import timezone

from sync import store
from sync.models import Bug, Person, SyncPhase, Test
from sync.models.run import Status
from sync.pipeline.context import Work
from sync.pipeline.parsing import parsed
from sync.runs import Phase
from sync.testio.errors import TestIOTooLarge, TestIOUnreadable
from sync.testio.payloads import BugRecord, parse_bug

#: Beyond this many bugs of a product one answer with all of them is more than TestIO and our memory should carry.
MOST_BUGS = 5_000


def sync_hidden_bugs(work: Work, recorded: Phase) -> None:
    """After a walk that met gaps: store bugs whose test we do not have. One call, and only a hint: it may fail."""
    if not _met_gaps(work) or Bug.objects.filter(product=work.product).count() > MOST_BUGS:
        return
    try:
        payloads = work.client(recorded).product_bugs(work.product.pk)
    except (TestIOTooLarge, TestIOUnreadable):
        return
    bugs = _of_unread_tests(work, parsed(lambda payload: parse_bug(payload, work.product.pk), payloads, recorded))
    for bug in bugs:
        # A mark that no proper reading leaves: once the test is read, so is the bug, with the links only the test has.
        bug.fingerprint = bug.fingerprint[::-1]
    people = work.context.people
    people.learn(Person.Kind.TESTER, (bug.author for bug in bugs))
    customer_id, now = work.context.customer.pk, timezone.now()
    with work.page(recorded):
        saved = store.storable(
            lambda part: store.save_bugs(customer_id, work.product.pk, (), part, people=people, now=now), bugs
        )
        recorded.count(created=len(saved.created), updated=len(saved.updated))


def _met_gaps(work: Work) -> bool:
    """Whether a walk met gaps since bugs were last read to the end: this run's walk, or that of one that died since."""
    phases = SyncPhase.objects.filter(product=work.product)
    read = phases.filter(name=SyncPhase.Name.BUGS, status__in=(Status.SUCCEEDED, Status.PARTIAL)).aggregate(Max("pk"))
    return phases.filter(name=SyncPhase.Name.TESTS, gaps__gt=0, pk__gt=read["pk__max"] or 0).exists()


def _of_unread_tests(work: Work, bugs: list[BugRecord]) -> list[BugRecord]:
    tests = set(Test.objects.filter(product__customer=work.context.customer).values_list("pk", flat=True))
    return [bug for bug in bugs if bug.mentioned_test_id and bug.mentioned_test_id not in tests]
