"""What happens here without being asked: what dead workers held goes back to the queue, what is due is retried.

The task (``problematic.tasks``) and the refresh cycle (``sync.refresh.cycle``, which knows nothing of us and sends a
signal) both end here.
"""

import logging
import threading
from collections.abc import Iterable

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from problematic import claims, jobs
from problematic.models import CLAIMABLE, ProblematicMapping
from problematic.retry import retry_due
from problematic.worker import RetryResult
from sync.models import Customer
from sync.pipeline import SyncImpossible
from sync.signals import cycle_ran
from sync.testio.errors import TestIORefused

log = logging.getLogger(__name__)


def tidy() -> None:
    """Give back what workers that are gone had claimed, and end their jobs."""
    claims.release_abandoned()
    jobs.interrupt_dead()


def due() -> "QuerySet[ProblematicMapping]":
    """Mapped tests whose next attempt has come."""
    return ProblematicMapping.objects.filter(state__in=CLAIMABLE, next_attempt_at__lte=Now())


def retry_due_of(customer: Customer, stop: threading.Event) -> RetryResult:
    """As ``retry.retry_due``; a customer whom TestIO refuses, or who has no token, is logged and retried next time."""
    try:
        return retry_due(customer, stop=stop)
    except (SyncImpossible, TestIORefused) as refusal:
        log.warning("Mapped tests of %s are not retried: %s", customer, refusal)
        return RetryResult()


@receiver(cycle_ran, dispatch_uid="problematic.background")
def retry_in_cycle(
    *, customers: Iterable[Customer], stop: threading.Event, dry_run: bool, **_: object
) -> dict[str, int]:
    """The part of a refresh cycle that is ours; figures for its report."""
    if dry_run:
        return {"tests_to_retry": due().filter(event__product__customer__in=list(customers)).count()}
    tidy()
    done = [retry_due_of(customer, stop) for customer in customers]
    return {
        "tests_retried": sum(each.tests_retried for each in done),
        "tests_succeeded": sum(each.tests_succeeded for each in done),
        "tests_failed": sum(each.tests_failed for each in done),
    }
