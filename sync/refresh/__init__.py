"""Data that stays fresh with nobody watching: what is due is claimed, refreshed and settled, by any number of workers.

``claims`` hands out what has come due, ``work`` does one piece of it, ``stale`` takes back what dead processes held,
``history`` forgets old runs, ``cycle`` does all of that once, and ``watchers`` keeps one process doing it for ever.
Celery's tasks call the same functions, one each. When something is due is written down by ``sync.schedule``.
"""

from sync.refresh.claims import CLAIM_SECONDS, all_due, claim_due_customers, claim_due_products, claim_due_sweeps
from sync.refresh.cycle import Cycle, cycle
from sync.refresh.history import prune_history
from sync.refresh.stale import Released, release_stale
from sync.refresh.watchers import AlreadyWatching, watching
from sync.refresh.work import Outcome, refresh_customer, refresh_product

__all__ = [
    "CLAIM_SECONDS",
    "AlreadyWatching",
    "Cycle",
    "Outcome",
    "Released",
    "all_due",
    "claim_due_customers",
    "claim_due_products",
    "claim_due_sweeps",
    "cycle",
    "prune_history",
    "refresh_customer",
    "refresh_product",
    "release_stale",
    "watching",
]
