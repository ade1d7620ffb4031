"""A sync that somebody starts in a page or through the API: opened at once, worked on by a thread of this process.

It is an ordinary run from then on: it can be watched, cancelled and, should this process end, is marked interrupted
by the next one, which goes on where it stopped.
"""

import logging
import threading

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, connections

from sync import runs
from sync.models import Customer, SyncEvent
from sync.models.status import Status
from sync.pipeline import SyncBusy, SyncImpossible, SyncOptions, check_possible, sync_customer
from sync.pipeline.trouble import patiently

log = logging.getLogger(__name__)


def start(customer: Customer, options: SyncOptions, *, by: User | None) -> SyncEvent:
    """Begin a sync and return its event, which is running. Not inside a transaction: the thread could not see it.

    Raises ``SyncImpossible`` when nothing can be begun and ``SyncBusy`` when everything in scope is being written.
    """
    check_possible(customer, options)
    event = runs.begin(customer, trigger=options.trigger, mode=options.mode, by=by)
    threading.Thread(target=_work, args=(customer, options, event), name=f"sync-{event}", daemon=True).start()
    return event


def _work(customer: Customer, options: SyncOptions, event: SyncEvent) -> None:
    try:
        sync_customer(customer, options, event=event)
    except (SyncBusy, SyncImpossible) as refusal:  # somebody was quicker, or changed the customer, since we looked
        reason = str(refusal)
        patiently(lambda: runs.finish(event, Status.FAILED, reason))
    except (DatabaseError, InterfaceError):
        log.exception("Run %s lost the database; what it had stored stays.", event)
    finally:
        connections.close_all()
